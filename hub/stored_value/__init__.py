"""What the company owes whoever holds a number: store credit and gift cards, over all stores."""
