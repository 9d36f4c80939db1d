"""What is where and what it is worth: balances by movements, values by moving average."""
