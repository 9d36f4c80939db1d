"""The flow map: where orders wait, lose margin or break their promise, counted from the events."""
