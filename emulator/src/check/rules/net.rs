// SPDX-License-Identifier: GPL-2.0

//! N: frames of a network device, and its control queue.

super::rules! {
    HEADER "N01" Must "5.1.6" "A frame and a receive buffer begin with a whole header.";
    FRAMING "N02" Must "5.1.6.6" "Without ANY_LAYOUT, the header has a descriptor of its own.";
    DIRECTION "N03" Must "5.1.6" "What is sent is for the device to read, and where it receives for it to write.";
    ROOM "N04" Should "5.1.6.3.1" "Without MRG_RXBUF, a receive buffer has room for the longest frame.";
    NO_BUFFERS "N05" Must "5.1.6.2.1" "In a frame that is sent, num_buffers is 0.";
    NO_FLAGS "N06" Must "5.1.6.2.1" "Without CSUM, a frame that is sent has no flags.";
    FLAGS_KNOWN "N07" Must "5.1.6.2.1" "A frame that is sent has no flag but NEEDS_CSUM.";
    CHECKSUM_INSIDE "N08" Must "5.1.6.2.1" "The checksum that the device is to fill in is within the frame.";
    GSO_ACCEPTED "N09" Must "5.1.6.2.1" "A driver asks only for segmentation that it has accepted.";
    GSO_CHECKSUM "N10" Must "5.1.6.2.1" "A frame that is to be segmented needs a checksum.";
    GSO_SIZE "N11" Must "5.1.6.2.1" "A frame that is to be segmented says how long a segment is.";
    GSO_HEADERS "N12" Should "5.1.6.2.1" "In a frame that is to be segmented, hdr_len covers all headers.";
    MTU "N13" Must "5.1.4.2" "With MTU, no frame is longer, unless it is to be segmented.";
    COMMAND_PARTS "N14" Must "5.1.6.5" "A command has its class and code to read, and an answer to write.";
    COMMAND_FRAMING "N15" Must "5.1.6.6" "Without ANY_LAYOUT, each part of a command has a descriptor of its own.";
    COMMAND_KNOWN "N16" Must "5.1.6.5" "A command is one that the specification knows.";
    COMMAND_LENGTH "N17" Must "5.1.6.5" "The data of a command is as long as the command has it.";
    MODES "N18" Must "5.1.6.5.1.2" "Promiscuous and all-multicast are commanded only with CTRL_RX.";
    MORE_MODES "N19" Must "5.1.6.5.1.2" "The other receive modes are commanded only with CTRL_RX_EXTRA.";
    TABLES "N20" Must "5.1.6.5.2.2" "Address tables are set only with CTRL_RX.";
    ADDRESS "N21" Must "5.1.6.5.2" "The MAC address is set by command only with CTRL_MAC_ADDR.";
    VLANS "N22" Must "5.1.6.5.3" "VLANs are filtered only with CTRL_VLAN.";
    ANNOUNCE "N23" Must "5.1.6.5.4" "An announcement is acknowledged only with GUEST_ANNOUNCE.";
    PAIRS "N24" Must "5.1.6.5.6.1" "Queue pairs are enabled only with MQ, and from one to as many as there are.";
    OFFLOADS "N25" Must "5.1.6.5.8.2" "Offloads are enabled only with CTRL_GUEST_OFFLOADS and their own features.";
}
