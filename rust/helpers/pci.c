// SPDX-License-Identifier: GPL-2.0

#include <linux/pci.h>

#include "helpers.h"

bool rust_helper_device_has_driver_override(struct pci_dev *pdev)
{
	return device_has_driver_override(&pdev->dev);
}
