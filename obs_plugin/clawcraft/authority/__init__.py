"""What the streamer lets an agent do, and how often: pause and rate limits."""
