// SPDX-License-Identifier: GPL-2.0

//! S: the device status. F: feature bits. R: registers and the configuration.

super::rules! {
    RESET_FIRST "S01" Must "3.1.1" "A driver resets the device before it does anything else to it.";
    RESET_SEEN "S02" Should "2.4.2" "A driver reads the status as 0 before it goes on after a reset.";
    ACKNOWLEDGE_FIRST "S03" Must "3.1.1" "A driver sets DRIVER only with ACKNOWLEDGE set.";
    DRIVER_FIRST "S04" Must "3.1.1" "A driver sets DRIVER_OK only with DRIVER set.";
    ONE_STEP "S05" Must "3.1.1" "A driver sets ACKNOWLEDGE, DRIVER and DRIVER_OK by one write each.";
    STATUS_KEPT "S06" Must "2.1.1" "A driver clears no status bit but by a reset.";
    STATUS_KNOWN "S07" Must "2.1" "A driver sets no status bit that is undefined or the device's.";
    NO_FEATURES_OK "S08" Must "3.1.2" "A driver does not set FEATURES_OK on the legacy interface.";
    FAILED_IS_FINAL "S09" Must "2.1.1" "A driver that has set FAILED resets the device before it starts anew.";
    NO_EARLY_KICK "S10" Must "3.1.1" "A driver notifies no queue before it has set DRIVER_OK.";
    NOTHING_AFTER_RESET "S11" Must "3.1.1" "A driver sets up nothing after a reset before it has set a status.";
    MASTER_KEPT "S12" Should "3.3.1" "A driver resets the device before it takes its access to memory away.";
    FEATURES_READ "F01" Must "3.1.1" "A driver reads the device's features before it writes its own.";
    FEATURES_WRITTEN "F02" Must "3.1.1" "A driver writes its features before it sets DRIVER_OK.";
    FEATURES_IN_TURN "F03" Must "3.1.1" "A driver sets DRIVER before it writes its features.";
    FEATURES_KEPT "F04" Must "3.1.1" "A driver does not change its features after DRIVER_OK.";
    OFFERED_ONLY "F05" Must "2.2.1" "A driver accepts no feature that the device has not offered.";
    NO_BIT_30 "F06" Should "6.3" "A driver does not accept bit 30.";
    ANY_LAYOUT_TAKEN "F07" Must "6.3" "A driver accepts ANY_LAYOUT where it is offered.";
    NET_NEEDS "F08" Must "5.1.3.1" "A driver accepts a network feature only with the ones it requires.";
    NET_EXTRA_NEEDS "F09" Should "5.1.4.2" "A driver accepts CTRL_RX_EXTRA only with CTRL_VQ.";
    MAC_TAKEN "F10" Should "5.1.4.2" "A driver accepts MAC where it is offered.";
    MTU_TAKEN "F11" Should "5.1.4.2" "A driver accepts MTU where it is offered.";
    RO_TAKEN "F12" Should "5.2.6.1" "A driver accepts RO where it is offered.";
    WIDTH "R01" Must "4.1.4.10" "A driver accesses a register in its own width.";
    ALIGNED "R02" Must "4.1.4.10" "A driver accesses a register at its first byte.";
    READ_ONLY "R03" Must "4.1.4.10" "A driver writes to no read-only register.";
    CONFIG_END "R04" Must "2.5.1" "A driver stays within the device's configuration.";
    CONFIG_OPTIONAL "R05" Must "2.5.1" "A driver reads a field of the configuration only if its feature is offered.";
    NET_CONFIG_WRITE "R06" Must "5.1.4.2" "A driver writes to no field of a card but its MAC address, and that without CTRL_MAC_ADDR.";
    BLOCK_CONFIG_WRITE "R07" Must "5.2.6.1" "A driver writes to no field of a disk but the cache mode, and that with CONFIG_WCE.";
    READ_TWICE "R08" Should "2.5.4" "A driver reads a capacity or a MAC address until two readings agree.";
    NO_ISR "R09" Should "4.1.4.5.2" "A driver that uses MSI-X does not read the ISR status.";
    VECTOR_EXISTS "R10" Must "4.1.5.1.2.2" "A driver assigns no vector that the table does not have.";
    VECTOR_VERIFIED "R11" Must "4.1.5.1.2.2" "A driver reads a vector back after it has assigned it.";
}
