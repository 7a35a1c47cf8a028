/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the network driver binds beyond the kernel's own rust/bindings. Chosen by net_parameters.
 */

#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/skbuff.h>
#include <linux/virtio_net.h>
#include <net/netdev_queues.h>
#include <net/netdev_rx_queue.h>
#include <net/page_pool/helpers.h>
#include <net/xdp.h>

#include "../helpers/net.h"
#include "pci.h"

const size_t RUST_CONST_HELPER_NETDEV_PRIV_OFFSET = offsetof(struct net_device, priv);
const size_t RUST_CONST_HELPER_SKB_SHARED_INFO_SIZE =
	SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
/* NET_SKB_PAD + NET_IP_ALIGN; the macro's max() is no constant expression. */
const size_t RUST_CONST_HELPER_SKB_HEADROOM =
	MAX(32, L1_CACHE_BYTES) + NET_IP_ALIGN;
const unsigned int RUST_CONST_HELPER_NETDEV_MIN_MTU = ETH_MIN_MTU;
const unsigned int RUST_CONST_HELPER_NETDEV_MAX_MTU = ETH_MAX_MTU;
const u32 RUST_CONST_HELPER_XDP_PACKET_HEADROOM = XDP_PACKET_HEADROOM;
const u32 RUST_CONST_HELPER_XDP_XMIT_FLUSH = XDP_XMIT_FLUSH;
const u32 RUST_CONST_HELPER_XDP_XMIT_FLAGS_MASK = XDP_XMIT_FLAGS_MASK;
const u32 RUST_CONST_HELPER_ETHTOOL_COALESCE_USECS = ETHTOOL_COALESCE_USECS;
const u32 RUST_CONST_HELPER_ETHTOOL_COALESCE_MAX_FRAMES = ETHTOOL_COALESCE_MAX_FRAMES;
const u32 RUST_CONST_HELPER_ETHTOOL_COALESCE_USE_ADAPTIVE_RX = ETHTOOL_COALESCE_USE_ADAPTIVE_RX;
