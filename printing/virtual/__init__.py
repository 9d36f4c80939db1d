"""A printer made of software: real ESC/POS in over TCP, a picture of the paper and a trace out.

It exists so that everything about paper can be shown and tested without paper, and it is strict on
purpose: a command it does not know is recorded, never skipped in silence.
"""
