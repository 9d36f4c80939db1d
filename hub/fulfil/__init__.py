"""Who fulfils which part of an order, as the locations tell it; and the clocks on every promise."""
