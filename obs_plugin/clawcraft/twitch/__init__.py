"""Twitch's Helix API and OAuth, and nothing of OBS."""
