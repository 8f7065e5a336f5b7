# SPDX-License-Identifier: GPL-2.0
"""From results to tables, plots and a page."""
