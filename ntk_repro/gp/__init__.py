"""Distributions over functions: the NNGP posterior, the NTK-GP through training, and ensembles of real networks."""

from ntk_repro.gp.ensembles import ensemble
from ntk_repro.gp.gaussian import Gaussian
from ntk_repro.gp.posteriors import nngp_posterior, ntk_gp_posterior, readout_posterior

__all__ = ["Gaussian", "ensemble", "nngp_posterior", "ntk_gp_posterior", "readout_posterior"]
