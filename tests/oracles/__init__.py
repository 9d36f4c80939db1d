"""Programs of others, as judges: decoders, encoders, a client, a maker of symbols. See `make tools`."""
