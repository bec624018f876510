"""How Sphinx builds the site: English from `docs/`, Russian from `docs/ru/`, side by side as the sources are."""
