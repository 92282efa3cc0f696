"""What people look at: tables, plots and widgets."""
