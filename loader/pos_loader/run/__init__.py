"""One run: the steps are composed here, and only here."""
