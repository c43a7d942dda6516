"""What the streamer lets an agent do, and how often: pause and rate limits; and the record of what agents did."""
