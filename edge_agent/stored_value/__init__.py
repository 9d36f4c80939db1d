"""What a store owes whoever holds a number: store credit and gift cards."""
