"""The screens of fulfilment: the inbox, the walk, one order, the pickup desk, the manifest."""
