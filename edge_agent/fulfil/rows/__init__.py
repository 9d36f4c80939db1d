"""The tables of fulfilment: shadows of what happened, and the work in hand."""
