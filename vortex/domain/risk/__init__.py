"""The risk manager: targets, costs, size, leverage, liquidation, ordered gates and the account's ledger."""
