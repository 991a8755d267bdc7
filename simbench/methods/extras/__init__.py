"""Methods of other packages, each behind an extra of simbench."""
