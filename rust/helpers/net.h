/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Prototypes of the helpers of net.c: static inlines of the network core as functions.
 */

#ifndef _RVIRTIO_HELPERS_NET_H
#define _RVIRTIO_HELPERS_NET_H

#include <linux/netdevice.h>
#include <linux/skbuff.h>

struct bpf_prog;
struct netdev_rx_queue;
struct page_pool;
struct virtio_net_hdr;
struct xdp_buff;
struct xdp_frame;
struct xdp_rxq_info;

/* Fields of struct net_device, which the kernel's own bindings know as an opaque name. */
void rust_helper_netdev_set_parent(struct net_device *dev, struct device *parent);
void rust_helper_netdev_set_ops(struct net_device *dev, const struct net_device_ops *ops,
				const struct ethtool_ops *ethtool_ops,
				const struct netdev_stat_ops *stat_ops);
int rust_helper_netif_set_xps_cpus(struct net_device *dev, const struct cpumask *mask, u16 index);
void rust_helper_netdev_set_features(struct net_device *dev, netdev_features_t features);
void rust_helper_netdev_set_hw_features(struct net_device *dev, netdev_features_t features);
void rust_helper_netdev_set_vlan_features(struct net_device *dev, netdev_features_t features);
netdev_features_t rust_helper_netdev_get_features(const struct net_device *dev);
void rust_helper_netdev_add_priv_flags(struct net_device *dev, unsigned int flags);
void rust_helper_netdev_set_mtu(struct net_device *dev, unsigned int mtu);
void rust_helper_netdev_set_mtu_range(struct net_device *dev, unsigned int min,
				      unsigned int max);
void rust_helper_netdev_set_needed_headroom(struct net_device *dev, unsigned short bytes);
void rust_helper_netdev_set_xdp_features(struct net_device *dev, u32 features);
void rust_helper_netdev_set_rx_queue_group(struct net_device *dev,
					   const struct attribute_group *group);
unsigned int rust_helper_netdev_get_flags(const struct net_device *dev);
unsigned int rust_helper_netdev_get_mtu(const struct net_device *dev);
const unsigned char *rust_helper_netdev_dev_addr(const struct net_device *dev);

unsigned char rust_helper_netdev_addr_assign_type(const struct net_device *dev);

void rust_helper_eth_hw_addr_set(struct net_device *dev, const u8 *addr);
void rust_helper_eth_hw_addr_random(struct net_device *dev);
bool rust_helper_netif_running(const struct net_device *dev);
bool rust_helper_netif_device_present(const struct net_device *dev);
bool rust_helper_netif_carrier_ok(const struct net_device *dev);

struct netdev_queue *rust_helper_netdev_get_tx_queue(const struct net_device *dev,
						     unsigned int index);
void rust_helper_netif_tx_stop_queue(struct netdev_queue *txq);
bool rust_helper_netif_tx_queue_stopped(const struct netdev_queue *txq);
void rust_helper_netif_tx_lock_queue(struct netdev_queue *txq);
void rust_helper_netif_tx_lock_queue_bh(struct netdev_queue *txq);
bool rust_helper_netif_tx_trylock_queue(struct netdev_queue *txq);
void rust_helper_netif_tx_unlock_queue(struct netdev_queue *txq);
void rust_helper_netif_tx_unlock_queue_bh(struct netdev_queue *txq);
void rust_helper_txq_trans_cond_update(struct netdev_queue *txq);
bool rust_helper_netdev_xmit_more(void);
bool rust_helper___netdev_tx_sent_queue(struct netdev_queue *txq, unsigned int bytes,
					bool xmit_more);
void rust_helper_netdev_tx_completed_queue(struct netdev_queue *txq, unsigned int pkts,
					   unsigned int bytes);
void rust_helper_netdev_tx_reset_queue(struct netdev_queue *txq);

struct net_device *rust_helper_netdev_rx_queue_dev(const struct netdev_rx_queue *queue);
unsigned int rust_helper_netdev_rx_queue_index(struct netdev_rx_queue *queue);

void rust_helper_netif_napi_add_config(struct net_device *dev, struct napi_struct *napi,
				       int (*poll)(struct napi_struct *, int), int index,
				       int weight);
void rust_helper_netif_napi_add_tx_weight(struct net_device *dev, struct napi_struct *napi,
					  int (*poll)(struct napi_struct *, int), int weight);
void rust_helper_netif_napi_del(struct napi_struct *napi);
void rust_helper_napi_schedule_bh(struct napi_struct *napi);
void rust_helper_napi_gro_receive(struct napi_struct *napi, struct sk_buff *skb);

bool rust_helper_page_is_pfmemalloc(const struct page *page);
bool rust_helper_skb_shared(const struct sk_buff *skb);
phys_addr_t rust_helper_skb_frag_phys(const skb_frag_t *frag);
bool rust_helper_skb_header_cloned(const struct sk_buff *skb);
int rust_helper_skb_linearize(struct sk_buff *skb);
void rust_helper_skb_set_dev(struct sk_buff *skb, struct net_device *dev);
void rust_helper_skb_set_network_header(struct sk_buff *skb, int offset);
int rust_helper_virtio_net_hdr_to_skb(struct sk_buff *skb, const struct virtio_net_hdr *hdr);
void rust_helper_skb_tx_timestamp(struct sk_buff *skb);
int rust_helper_skb_release_owners(struct sk_buff *skb);
void rust_helper_dev_consume_skb_any(struct sk_buff *skb);
void rust_helper_dev_kfree_skb_any(struct sk_buff *skb);

void rust_helper_bpf_prog_inc(struct bpf_prog *prog);
void rust_helper_bpf_prog_put(struct bpf_prog *prog);
bool rust_helper_bpf_prog_xdp_has_frags(const struct bpf_prog *prog);
u32 rust_helper_bpf_prog_run_xdp(const struct bpf_prog *prog, struct xdp_buff *xdp);
void rust_helper_trace_xdp_exception(const struct net_device *dev, const struct bpf_prog *prog,
				     u32 act);
void rust_helper_xdp_init_buff(struct xdp_buff *xdp, u32 frame_sz, struct xdp_rxq_info *rxq);
void rust_helper_xdp_prepare_buff(struct xdp_buff *xdp, unsigned char *hard_start, int headroom,
				  int data_len, bool meta_valid);
bool rust_helper_xdp_buff_add_frag(struct xdp_buff *xdp, struct page *page, u32 offset, u32 size,
				   u32 truesize);
bool rust_helper_xdp_buff_has_frags(const struct xdp_buff *xdp);
struct skb_shared_info *rust_helper_xdp_get_shared_info_from_buff(const struct xdp_buff *xdp);
struct xdp_frame *rust_helper_xdp_convert_buff_to_frame(struct xdp_buff *xdp);
bool rust_helper_xdp_frame_has_frags(const struct xdp_frame *frame);
struct skb_shared_info *
rust_helper_xdp_get_shared_info_from_frame(const struct xdp_frame *frame);
void rust_helper_xdp_update_skb_frags_info(struct sk_buff *skb, u8 nr_frags, unsigned int size,
					   unsigned int truesize, u32 xdp_flags);
void rust_helper_skb_metadata_set(struct sk_buff *skb, u8 meta_len);

struct page_pool *rust_helper_page_pool_new(struct net_device *dev, struct napi_struct *napi,
					    unsigned int size, unsigned int order);
struct page *rust_helper_page_pool_alloc(struct page_pool *pool, unsigned int *offset,
					 unsigned int *size, gfp_t gfp);
void rust_helper_page_pool_put_page(struct page_pool *pool, struct page *page,
				    unsigned int dma_sync_size, bool allow_direct);

#endif /* _RVIRTIO_HELPERS_NET_H */
