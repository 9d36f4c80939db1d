"""The verbs of fulfilment: offers, walks, parcels, handovers, devices. Each is one unit of work."""
