// SPDX-License-Identifier: GPL-2.0

//! C: descriptors, chains and the available ring.

super::rules! {
    ORDER "C01" Must "2.7.4.2" "In a chain, what the device may write comes after what it may read.";
    EMPTY "C02" Should "2.7.13.1" "A descriptor describes at least one byte.";
    BUFFER "C03" Must "2.7.5" "A buffer is in the guest's memory.";
    LOOP "C04" Must "2.7.5.2" "A chain comes to an end.";
    HUGE "C05" Must "2.7.5.2" "A chain has at most 2^32 bytes in total.";
    LONG "C06" Must "2.7.5.3.1" "A chain has at most as many descriptors as its queue has entries.";
    NEXT "C07" Must "2.7.5" "The next descriptor is within the table.";
    HEAD "C08" Must "2.7.6" "An entry of the available ring is the number of a descriptor.";
    JUMP "C09" Must "2.7.6.1" "The available index never steps back, nor further on than the ring is long.";
    INDIRECT_ACCEPTED "C10" Must "2.7.5.3.1" "A driver uses indirect descriptors only if it has accepted them.";
    INDIRECT_NESTED "C11" Must "2.7.5.3.1" "There is no indirect descriptor in an indirect table.";
    INDIRECT_NEXT "C12" Must "2.7.5.3.1" "An indirect descriptor has no next one.";
    INDIRECT_LENGTH "C13" Must "2.7.5.3" "An indirect table is a whole number of descriptors, and at least one.";
    DESCRIPTOR_FREE "C14" Must "3.3.1" "A descriptor belongs to one chain until the device has given that back.";
    MEMORY_FREE "C15" Must "2.7.13" "Receive buffers and status bytes in flight share no memory.";
}
