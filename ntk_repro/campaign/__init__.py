"""A list of figures, computed run by run in order of value per hour, by any number of processes and machines."""

from ntk_repro.campaign.campaign import Campaign, State, compute
from ntk_repro.campaign.estimates import Estimates
from ntk_repro.campaign.units import Entry, Unit, read_entries, units_of

__all__ = ["Campaign", "Entry", "Estimates", "State", "Unit", "compute", "read_entries", "units_of"]
