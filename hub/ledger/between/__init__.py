"""Trade between the entities of a company: prices, what was sold, stored value that is set off."""
