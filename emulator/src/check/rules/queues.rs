// SPDX-License-Identifier: GPL-2.0

//! Q: setting queues up and taking them down. K: notifications.

super::rules! {
    SELECTED "Q01" Must "4.1.5.1.3" "A driver selects a queue before it uses the registers of one.";
    QUEUE_EXISTS "Q02" Must "4.1.5.1.3" "A driver gives no ring to a queue whose size is 0.";
    SIZE_READ "Q03" Must "2.7.2" "A driver reads a queue's size before it gives it a ring.";
    RING_KEPT "Q04" Must "3.3.1" "A driver resets the device before it gives a queue another ring.";
    RING_LEFT "Q05" Must "3.3.1" "A driver resets the device before it takes the ring of a live queue away.";
    RING_IN_MEMORY "Q06" Must "2.7.2" "A ring is in the guest's memory as a whole.";
    RINGS_APART "Q07" Must "2.7.2" "No two rings share memory.";
    QUEUES_FIRST "Q08" Must "3.1.1" "A driver sets its queues up before it sets DRIVER_OK.";
    FEATURES_BEFORE_QUEUES "Q09" Must "3.1.1" "A driver writes its features before it sets queues up.";
    NET_QUEUES "Q10" Must "5.1.2" "A driver uses only the queues of a card that the accepted features provide.";
    BLOCK_QUEUES "Q11" Must "5.2.2" "A driver uses only the queues of a disk that the accepted features provide.";
    KICK_QUEUE "K01" Must "4.1.5.2.1" "A driver notifies only queues that it has given a ring.";
    KICK_NEWS "K02" Should "2.7.10.1" "A driver notifies a queue only for chains it has made available.";
    KICK_WANTED "K03" Should "2.7.10.1" "A driver sends no notification that the device has asked it not to send.";
}
