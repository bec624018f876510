"""What messages cost: prices with dates, estimates, Gupshup's billing events, balances and budgets."""
