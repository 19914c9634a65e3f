"""How people sign in: passkeys, providers, devices."""
