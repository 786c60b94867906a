"""The data room: known data sets, how they are fetched and read, and how their interactions are split."""
