# SPDX-License-Identifier: GPL-2.0
"""The parts of the benchmark; each has needs(), the bytes of home and store, and measure()."""

import attach
import cost
import latency
import moving
import operations
import throughput

PARTS = {'cost': cost, 'throughput': throughput, 'operations': operations, 'moving': moving,
         'latency': latency, 'attach': attach}
