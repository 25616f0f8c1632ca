"""Ready-made callbacks: a training of another library becomes a run."""
