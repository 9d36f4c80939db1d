"""The wire to the stores: sessions, the inbox of events, the outbox of directives, presence."""
