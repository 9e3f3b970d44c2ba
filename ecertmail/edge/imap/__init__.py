"""A mailbox at a provider, by imapclient: the account, its folders, and the look at what works."""
