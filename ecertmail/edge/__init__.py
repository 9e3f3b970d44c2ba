"""The outside world; these modules never import each other."""
