"""What simbench says, held against recordings of others: tables and figures."""
