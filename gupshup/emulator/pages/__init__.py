"""The pages: the list of chats and the phones of the clients."""
