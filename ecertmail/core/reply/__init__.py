"""What a person writes in a mail: cut out of whatever the mail program made of it, and what it means."""
