"""`make bench-long`: hours of mixed mail to a real daemon whose clock runs ahead, and whether its use levels off."""
