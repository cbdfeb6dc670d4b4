// The limit: what a broadcast costs when nothing is done but write(2). No server to use: it knows no close, no ping, no
// frame over 64 KiB, and answers any upgrade.
//
// What came in for a room in one turn of the poll goes to each of its members in one write.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EVENTS = 512, ROOMS = 1000, BUFFER = 1 << 18, LONGEST = 1 << 16 };

typedef struct {
    int fd, room; // the room is -1 before the upgrade
    unsigned char *part, *unsent;
    size_t part_size, unsent_size;
} Conn;

typedef struct {
    Conn **members;
    unsigned count, space;
    unsigned char *said;
    size_t size, room;
} Room;

static Room rooms[ROOMS];
static unsigned char buffer[BUFFER + LONGEST + 16];
static int poll_fd;

static void *need(void *memory) {
    if (!memory)
        abort();
    return memory;
}

static void watch(Conn *conn, int how, bool out) {
    struct epoll_event event = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = conn};
    epoll_ctl(poll_fd, how, conn->fd, &event);
}

static void keep(unsigned char **at, size_t *had, const unsigned char *bytes, size_t size) {
    *at = need(realloc(*at, *had + size));
    memcpy(*at + *had, bytes, size);
    *had += size;
}

static void put(Conn *conn, const unsigned char *bytes, size_t size) {
    ssize_t done = conn->unsent_size ? 0 : send(conn->fd, bytes, size, MSG_NOSIGNAL);
    if (done < 0)
        done = 0;
    if ((size_t)done == size)
        return;
    if (!conn->unsent_size)
        watch(conn, EPOLL_CTL_MOD, true);
    keep(&conn->unsent, &conn->unsent_size, bytes + done, size - done);
}

static void put_unsent(Conn *conn) {
    ssize_t done = send(conn->fd, conn->unsent, conn->unsent_size, MSG_NOSIGNAL);
    if (done > 0)
        memmove(conn->unsent, conn->unsent + done, conn->unsent_size -= done);
    if (!conn->unsent_size)
        watch(conn, EPOLL_CTL_MOD, false);
}

static void come_in(Conn *conn, const char *head) {
    static const char ANSWER[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    const char *number = strstr(head, "room=");
    conn->room = number ? atoi(number + 5) % ROOMS : 0;
    Room *room = &rooms[conn->room];
    if (room->count == room->space)
        room->members = need(realloc(room->members, (room->space = room->space * 2 + 8) * sizeof *room->members));
    room->members[room->count++] = conn;
    put(conn, (const unsigned char *)ANSWER, sizeof ANSWER - 1);
}

static void leave(Conn *conn) {
    if (conn->room >= 0) {
        Room *room = &rooms[conn->room];
        for (unsigned i = 0; i < room->count; i++)
            if (room->members[i] == conn)
                room->members[i] = room->members[--room->count];
    }
    close(conn->fd);
    free(conn->part);
    free(conn->unsent);
    free(conn);
}

// The frame as a server sends it, into what the room is to be told.
static void tell(Room *room, const unsigned char *mask, unsigned char *payload, size_t size) {
    if (room->size + size + 4 > room->room)
        room->said = need(realloc(room->said, room->room = (room->size + size + 4) * 2));
    unsigned char *at = room->said + room->size;
    *at++ = 0x81;
    if (size < 126) {
        *at++ = size;
    } else {
        *at++ = 126, *at++ = size >> 8, *at++ = size & 255;
    }
    for (size_t i = 0; i < size; i++)
        at[i] = payload[i] ^ mask[i & 3];
    room->size = at + size - room->said;
}

static void take(Conn *conn) {
    size_t kept = conn->part_size;
    memcpy(buffer, conn->part ? conn->part : buffer, kept);
    ssize_t got = recv(conn->fd, buffer + kept, BUFFER, 0);
    if (got <= 0) {
        if (got == 0)
            leave(conn);
        return;
    }
    unsigned char *next = buffer, *end = buffer + kept + got;
    if (conn->room < 0) {
        unsigned char *blank = memmem(buffer, end - buffer, "\r\n\r\n", 4);
        if (blank) {
            *blank = 0;
            come_in(conn, (char *)buffer);
            next = blank + 4;
        }
    }
    while (conn->room >= 0 && end - next >= 8) {
        size_t size = next[1] & 127, head = size == 126 ? 8 : 6;
        if (size == 126)
            size = next[2] << 8 | next[3];
        if ((size_t)(end - next) < head + size)
            break;
        if ((next[0] & 15) == 1)
            tell(&rooms[conn->room], next + head - 4, next + head, size);
        next += head + size;
    }
    free(conn->part);
    conn->part = NULL;
    conn->part_size = 0;
    if (next < end)
        keep(&conn->part, &conn->part_size, next, end - next > LONGEST ? LONGEST : end - next);
}

int main(void) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int door = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (bind(door, (void *)&here, size) || listen(door, 1024))
        return perror("listen"), 1;
    getsockname(door, (void *)&here, &size);
    printf("listening on http://127.0.0.1:%d\n", ntohs(here.sin_port));
    fflush(stdout);
    poll_fd = epoll_create1(0);
    Conn at_door = {.fd = door};
    watch(&at_door, EPOLL_CTL_ADD, false);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(poll_fd, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            Conn *conn = events[i].data.ptr;
            if (conn != &at_door) {
                if (events[i].events & EPOLLOUT)
                    put_unsent(conn);
                if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                    take(conn);
                continue;
            }
            int fd = accept4(door, NULL, NULL, SOCK_NONBLOCK);
            if (fd < 0)
                continue;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            conn = need(calloc(1, sizeof *conn));
            conn->fd = fd;
            conn->room = -1;
            watch(conn, EPOLL_CTL_ADD, false);
        }
        for (int i = 0; i < ROOMS; i++) {
            for (unsigned j = 0; rooms[i].size && j < rooms[i].count; j++)
                put(rooms[i].members[j], rooms[i].said, rooms[i].size);
            rooms[i].size = 0;
        }
    }
}
