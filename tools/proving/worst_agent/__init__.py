"""An agent that obeys every instruction it reads, against a streamer's policy, and witnesses that count."""
