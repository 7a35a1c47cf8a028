// SPDX-License-Identifier: GPL-2.0

#include <linux/etherdevice.h>
#include <linux/bpf.h>
#include <linux/bpf_trace.h>
#include <linux/cpumask.h>
#include <linux/filter.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/virtio_net.h>
#include <net/dst.h>
#include <net/netdev_queues.h>
#include <net/netdev_rx_queue.h>
#include <net/page_pool/helpers.h>
#include <net/xdp.h>

#include "net.h"

void rust_helper_netdev_set_parent(struct net_device *dev, struct device *parent)
{
	SET_NETDEV_DEV(dev, parent);
}

void rust_helper_netdev_set_ops(struct net_device *dev, const struct net_device_ops *ops,
				const struct ethtool_ops *ethtool_ops,
				const struct netdev_stat_ops *stat_ops)
{
	dev->netdev_ops = ops;
	dev->ethtool_ops = ethtool_ops;
	dev->stat_ops = stat_ops;
}

int rust_helper_netif_set_xps_cpus(struct net_device *dev, const struct cpumask *mask, u16 index)
{
	return __netif_set_xps_queue(dev, cpumask_bits(mask), index, XPS_CPUS);
}

void rust_helper_netdev_set_features(struct net_device *dev, netdev_features_t features)
{
	dev->features = features;
}

void rust_helper_netdev_set_hw_features(struct net_device *dev, netdev_features_t features)
{
	dev->hw_features = features;
}

void rust_helper_netdev_set_vlan_features(struct net_device *dev, netdev_features_t features)
{
	dev->vlan_features = features;
}

netdev_features_t rust_helper_netdev_get_features(const struct net_device *dev)
{
	return dev->features;
}

void rust_helper_netdev_add_priv_flags(struct net_device *dev, unsigned int flags)
{
	dev->priv_flags |= flags;
}

void rust_helper_netdev_set_mtu(struct net_device *dev, unsigned int mtu)
{
	dev->mtu = mtu;
}

void rust_helper_netdev_set_mtu_range(struct net_device *dev, unsigned int min,
				      unsigned int max)
{
	dev->min_mtu = min;
	dev->max_mtu = max;
}

void rust_helper_netdev_set_needed_headroom(struct net_device *dev, unsigned short bytes)
{
	dev->needed_headroom = bytes;
}

void rust_helper_netdev_set_xdp_features(struct net_device *dev, u32 features)
{
	dev->xdp_features = features;
}

void rust_helper_netdev_set_rx_queue_group(struct net_device *dev,
					   const struct attribute_group *group)
{
	dev->sysfs_rx_queue_group = group;
}

unsigned int rust_helper_netdev_get_flags(const struct net_device *dev)
{
	return dev->flags;
}

unsigned int rust_helper_netdev_get_mtu(const struct net_device *dev)
{
	return READ_ONCE(dev->mtu);
}

const unsigned char *rust_helper_netdev_dev_addr(const struct net_device *dev)
{
	return dev->dev_addr;
}

unsigned char rust_helper_netdev_addr_assign_type(const struct net_device *dev)
{
	return dev->addr_assign_type;
}

void rust_helper_eth_hw_addr_set(struct net_device *dev, const u8 *addr)
{
	eth_hw_addr_set(dev, addr);
}

void rust_helper_eth_hw_addr_random(struct net_device *dev)
{
	eth_hw_addr_random(dev);
}

bool rust_helper_netif_running(const struct net_device *dev)
{
	return netif_running(dev);
}

bool rust_helper_netif_device_present(const struct net_device *dev)
{
	return netif_device_present(dev);
}

bool rust_helper_netif_carrier_ok(const struct net_device *dev)
{
	return netif_carrier_ok(dev);
}

struct netdev_queue *rust_helper_netdev_get_tx_queue(const struct net_device *dev,
						     unsigned int index)
{
	return netdev_get_tx_queue(dev, index);
}

void rust_helper_netif_tx_stop_queue(struct netdev_queue *txq)
{
	netif_tx_stop_queue(txq);
}

bool rust_helper_netif_tx_queue_stopped(const struct netdev_queue *txq)
{
	return netif_tx_queue_stopped(txq);
}

void rust_helper_netif_tx_lock_queue(struct netdev_queue *txq)
{
	__netif_tx_lock(txq, raw_smp_processor_id());
}

void rust_helper_netif_tx_lock_queue_bh(struct netdev_queue *txq)
{
	__netif_tx_lock_bh(txq);
}

bool rust_helper_netif_tx_trylock_queue(struct netdev_queue *txq)
{
	return __netif_tx_trylock(txq);
}

void rust_helper_netif_tx_unlock_queue(struct netdev_queue *txq)
{
	__netif_tx_unlock(txq);
}

void rust_helper_netif_tx_unlock_queue_bh(struct netdev_queue *txq)
{
	__netif_tx_unlock_bh(txq);
}

void rust_helper_txq_trans_cond_update(struct netdev_queue *txq)
{
	txq_trans_cond_update(txq);
}

bool rust_helper_netdev_xmit_more(void)
{
	return netdev_xmit_more();
}

bool rust_helper___netdev_tx_sent_queue(struct netdev_queue *txq, unsigned int bytes,
					bool xmit_more)
{
	return __netdev_tx_sent_queue(txq, bytes, xmit_more);
}

void rust_helper_netdev_tx_completed_queue(struct netdev_queue *txq, unsigned int pkts,
					   unsigned int bytes)
{
	netdev_tx_completed_queue(txq, pkts, bytes);
}

void rust_helper_netdev_tx_reset_queue(struct netdev_queue *txq)
{
	netdev_tx_reset_queue(txq);
}

struct net_device *rust_helper_netdev_rx_queue_dev(const struct netdev_rx_queue *queue)
{
	return queue->dev;
}

unsigned int rust_helper_netdev_rx_queue_index(struct netdev_rx_queue *queue)
{
	return get_netdev_rx_queue_index(queue);
}

void rust_helper_netif_napi_add_config(struct net_device *dev, struct napi_struct *napi,
				       int (*poll)(struct napi_struct *, int), int index,
				       int weight)
{
	netif_napi_add_config(dev, napi, poll, index);
	napi->weight = weight;
}

void rust_helper_netif_napi_add_tx_weight(struct net_device *dev, struct napi_struct *napi,
					  int (*poll)(struct napi_struct *, int), int weight)
{
	netif_napi_add_tx_weight(dev, napi, poll, weight);
}

void rust_helper_netif_napi_del(struct napi_struct *napi)
{
	netif_napi_del(napi);
}

void rust_helper_napi_schedule_bh(struct napi_struct *napi)
{
	local_bh_disable();
	napi_schedule(napi);
	local_bh_enable();
}

void rust_helper_napi_gro_receive(struct napi_struct *napi, struct sk_buff *skb)
{
	napi_gro_receive(napi, skb);
}

phys_addr_t rust_helper_skb_frag_phys(const skb_frag_t *frag)
{
	return page_to_phys(skb_frag_page(frag)) + skb_frag_off(frag);
}

bool rust_helper_skb_header_cloned(const struct sk_buff *skb)
{
	return skb_header_cloned(skb);
}

bool rust_helper_page_is_pfmemalloc(const struct page *page)
{
	return page_is_pfmemalloc(page);
}

bool rust_helper_skb_shared(const struct sk_buff *skb)
{
	return skb_shared(skb);
}

int rust_helper_skb_linearize(struct sk_buff *skb)
{
	return skb_linearize(skb);
}

void rust_helper_skb_set_dev(struct sk_buff *skb, struct net_device *dev)
{
	skb->dev = dev;
}

void rust_helper_skb_set_network_header(struct sk_buff *skb, int offset)
{
	skb_set_network_header(skb, offset);
}

int rust_helper_virtio_net_hdr_to_skb(struct sk_buff *skb, const struct virtio_net_hdr *hdr)
{
	return virtio_net_hdr_to_skb(skb, hdr, virtio_legacy_is_little_endian());
}

void rust_helper_skb_tx_timestamp(struct sk_buff *skb)
{
	skb_tx_timestamp(skb);
}

int rust_helper_skb_release_owners(struct sk_buff *skb)
{
	int err = skb_orphan_frags(skb, GFP_ATOMIC);

	if (err)
		return err;
	skb_orphan(skb);
	skb_dst_drop(skb);
	nf_reset_ct(skb);
	return 0;
}

void rust_helper_dev_consume_skb_any(struct sk_buff *skb)
{
	dev_consume_skb_any(skb);
}

void rust_helper_dev_kfree_skb_any(struct sk_buff *skb)
{
	dev_kfree_skb_any(skb);
}

void rust_helper_bpf_prog_inc(struct bpf_prog *prog)
{
	bpf_prog_inc(prog);
}

void rust_helper_bpf_prog_put(struct bpf_prog *prog)
{
	bpf_prog_put(prog);
}

bool rust_helper_bpf_prog_xdp_has_frags(const struct bpf_prog *prog)
{
	return prog->aux->xdp_has_frags;
}

u32 rust_helper_bpf_prog_run_xdp(const struct bpf_prog *prog, struct xdp_buff *xdp)
{
	return bpf_prog_run_xdp(prog, xdp);
}

void rust_helper_trace_xdp_exception(const struct net_device *dev, const struct bpf_prog *prog,
				     u32 act)
{
	trace_xdp_exception(dev, prog, act);
}

void rust_helper_xdp_init_buff(struct xdp_buff *xdp, u32 frame_sz, struct xdp_rxq_info *rxq)
{
	xdp_init_buff(xdp, frame_sz, rxq);
}

void rust_helper_xdp_prepare_buff(struct xdp_buff *xdp, unsigned char *hard_start, int headroom,
				  int data_len, bool meta_valid)
{
	xdp_prepare_buff(xdp, hard_start, headroom, data_len, meta_valid);
}

bool rust_helper_xdp_buff_add_frag(struct xdp_buff *xdp, struct page *page, u32 offset, u32 size,
				   u32 truesize)
{
	return xdp_buff_add_frag(xdp, page_to_netmem(page), offset, size, truesize);
}

bool rust_helper_xdp_buff_has_frags(const struct xdp_buff *xdp)
{
	return xdp_buff_has_frags(xdp);
}

struct skb_shared_info *rust_helper_xdp_get_shared_info_from_buff(const struct xdp_buff *xdp)
{
	return xdp_get_shared_info_from_buff(xdp);
}

struct xdp_frame *rust_helper_xdp_convert_buff_to_frame(struct xdp_buff *xdp)
{
	return xdp_convert_buff_to_frame(xdp);
}

bool rust_helper_xdp_frame_has_frags(const struct xdp_frame *frame)
{
	return xdp_frame_has_frags(frame);
}

struct skb_shared_info *
rust_helper_xdp_get_shared_info_from_frame(const struct xdp_frame *frame)
{
	return xdp_get_shared_info_from_frame(frame);
}

void rust_helper_xdp_update_skb_frags_info(struct sk_buff *skb, u8 nr_frags, unsigned int size,
					   unsigned int truesize, u32 xdp_flags)
{
	xdp_update_skb_frags_info(skb, nr_frags, size, truesize, xdp_flags);
}

void rust_helper_skb_metadata_set(struct sk_buff *skb, u8 meta_len)
{
	skb_metadata_set(skb, meta_len);
}

struct page_pool *rust_helper_page_pool_new(struct net_device *dev, struct napi_struct *napi,
					    unsigned int size, unsigned int order)
{
	const struct page_pool_params params = {
		.order = order,
		.pool_size = size,
		.nid = NUMA_NO_NODE,
		.napi = napi,
		.netdev = dev,
	};

	return page_pool_create(&params);
}

struct page *rust_helper_page_pool_alloc(struct page_pool *pool, unsigned int *offset,
					 unsigned int *size, gfp_t gfp)
{
	return page_pool_alloc(pool, offset, size, gfp);
}

void rust_helper_page_pool_put_page(struct page_pool *pool, struct page *page,
				    unsigned int dma_sync_size, bool allow_direct)
{
	page_pool_put_page(pool, page, dma_sync_size, allow_direct);
}
