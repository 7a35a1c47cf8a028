# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Sourced on top of lib.sh: runs the kernel's selftests between network namespaces that have a card "eth0" each; SPACE is the
# one whose card is tested. Every test is a line "NAME STATUS", where the status is the worst of its programs'.

# Gives the card NIC to the namespace SPACE, with addresses of the net NET that end in NUMBER.
enter_space() { # SPACE NIC NET NUMBER
    ip netns add "$1"
    ip link set "$2" netns "$1"
    ip -n "$1" link set lo up
    ip -n "$1" link set "$2" name eth0
    ip netns exec "$1" sysctl -qw net.ipv6.conf.eth0.accept_dad=0 net.ipv6.conf.eth0.router_solicitations=0 net.core.optmem_max=1000000
    ip -n "$1" link set eth0 up
    ip -n "$1" addr add "10.9.$3.$4/24" dev eth0
    ip -n "$1" addr add "fd09:$3::$4/64" dev eth0 nodad
}

# Gives the card NIC, without an address, to the namespace SPACE.
enter_plain() { # SPACE NIC
    ip netns add "$1"
    ip link set "$2" down
    ip link set "$2" netns "$1"
    ip -n "$1" link set "$2" name eth0
}

# Whether a program in SPACE listens: "udp PORT", "tcp PORT", or "packet" for a socket that gets frames.
listens() { # SPACE VERSION KIND [PORT]
    case $3 in
    packet) [ "$(ip netns exec "$1" cat /proc/net/packet | wc -l)" -gt 1 ] ;;
    tcp) ip netns exec "$1" ss -H"$2"tln | grep -q ":$4 " ;;
    udp) ip netns exec "$1" ss -H"$2"uan | grep -q ":$4 " ;;
    esac
}

# Says how the test NAME went, here and in the guest's log; of one that failed, what it told.
ended() { # NAME STATUS TRIES STARTED
    echo "rvtest: $1: $2, $3 tries, $(($(uptime_ms) - $4)) ms" >/dev/kmsg
    echo "$1 $2"
    [ "$2" = 0 ] || sed "s/^/# $1: /" "/tmp/$SPACE-$1".*
}

# Runs RECEIVE in one space until it listens for WHAT by IP of a VERSION, then SEND in the other, until both went well: up to
# TRIES times, and again only if what they told has AGAIN in it, a matter of time.
pair_of() { # NAME VERSION TRIES AGAIN RECEIVER WHAT RECEIVE SENDER SEND
    tries=0
    started=$(uptime_ms)
    files="/tmp/$SPACE-$1"
    while :; do
        # shellcheck disable=SC2086 # words
        ip netns exec "$5" timeout 30 $7 >"$files.receive" 2>&1 &
        receiver=$!
        turns=0
        # shellcheck disable=SC2086 # words
        until listens "$5" "$2" $6 || [ $turns -ge 60 ]; do turns=$((turns + 1)); sleep 0.1; done
        # shellcheck disable=SC2086 # words
        ip netns exec "$8" timeout 30 $9 >"$files.send" 2>&1
        status=$?
        wait $receiver || status=$?
        if grep -q "^rx=0 " "$files.receive"; then status=1; fi
        tries=$((tries + 1))
        if [ "$status" = 0 ] || [ "$tries" -ge "$3" ] || ! grep -q "$4" "$files".*; then break; fi
    done
    ended "$1" "$status" "$tries" "$started"
}

# Runs COMMAND in SPACE.
single() { # NAME COMMAND
    started=$(uptime_ms)
    # shellcheck disable=SC2086 # words
    ip netns exec "$SPACE" timeout 30 $2 >"/tmp/$SPACE-$1.single" 2>&1
    ended "$1" $? 1 "$started"
}
