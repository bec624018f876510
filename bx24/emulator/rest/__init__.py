"""REST: from a request to a method and back (`dispatch`), and the methods by subject."""
