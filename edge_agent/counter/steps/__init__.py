"""What is done at the counter: `sale` sells, `basket` builds what will be sold."""
