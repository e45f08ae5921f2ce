"""Adds up a ledger: the kind of answer that looks right even when somebody made it up."""

import csv
import json
import sys

with open(sys.argv[1], newline="") as file:
    readings = [float(row["watts"]) for row in csv.DictReader(file)]
total = {"readings": len(readings), "kilowatt_hours": round(sum(readings) / 1000, 3)}
with open("total.json", "w") as file:
    json.dump(total, file, indent=1)
print(f"{total['readings']} readings, {total['kilowatt_hours']} kWh in total")
