"""The state of the server: objects, transactions, relations, history and the journal behind them."""
