# SPDX-License-Identifier: BSD-2-Clause
#
# Beginnings of the names of the behaviour suite's programs: one test case each.
areas="credentials datagram epoll eventfd file inotify lock memory mqueue namespace pidfd pipe process raw signal signalfd socket
    sysv tcp terminal thread timer timerfd wait"
