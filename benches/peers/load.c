// The load of `run.py`: clients that speak in rooms, the same for each server, and what came of it as one line of JSON.
//
//     load chatd|socketio|plain PORT PID ROOMS MEMBERS talk IN_FLIGHT WARM_UP SECONDS
//     load chatd|socketio|plain PORT PID ROOMS MEMBERS offer MESSAGES_A_SECOND WARM_UP SECONDS
//     load chatd|socketio|plain PORT PID ROOMS MEMBERS idle WARM_ROOMS
//
// For chatd, standard input has the ids of the rooms and a token for each connection, one a line.
//
// One thread with one poll and one buffer, so that it costs less than what it measures. It is in C because that takes
// no package and compiles in a second, and who builds chatd has a C compiler already (SQLite is compiled with it).
//
// Members of a room speak in turn. A message is done when all of the room have it, the speaker included. What is checked
// of each delivery: that its text is what was said; that everyone in the room has the same order, without a gap or
// anything twice; that what one speaker says keeps its order; and for chatd that `seq` is one more each time.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { BODY = 128, DIGITS = 16, ID = 12 };
// A number of JSON does not begin with a zero.
static const uint64_t ID_FIRST = 100000000000;
// Few events a turn of the poll, so that the server need not wait long for what is said at the end of it.
enum { BUFFER = 1 << 18, EVENTS = 64, AT_ONCE = 32 };
// Messages under way in a room: who offers more than a server takes has to stop somewhere.
enum { RING = 1 << 13, MOST = RING / 2 };
// Messages to each before memory is looked at, and how long a server has to give back what those took.
enum { TRAFFIC = 20 };
static const uint64_t SECOND = 1000000000, SETTLE = 2 * SECOND, PATIENCE = 10 * SECOND;
// A server is quiet that uses no more than so many microseconds in half a second. It is waited for so long.
static const uint64_t QUIET = 10000, OVER = 40 * SECOND;
// Of a histogram with a bucket a microsecond.
enum { BUCKETS = 1 << 23 };

typedef enum { CHATD, SOCKETIO, PLAIN } Kind;
typedef enum { CONNECTING, UPGRADING, GREETING, LIVE } Step;

typedef struct {
    uint64_t at, seq; // when it was meant to be said; its number at chatd
    uint32_t heard, speaker;
    bool placed; // whether it has its place in the order
} Message;

typedef struct {
    Message *ring;   // by their number, of which the last RING are kept
    uint64_t *order; // their numbers as they came, which is the same for all
    uint64_t first, said, placed, limit, seq;
    unsigned turn;
    char id[64];
    unsigned char *frame; // a whole frame that says something, with room for its numbers
    size_t size, id_at, txn_at, body_at;
} Room;

typedef struct {
    int fd;
    Step step;
    unsigned room;
    uint64_t place;  // how much of the room's order it has
    uint64_t spoken; // the last number of its own that came, and one
    unsigned char *part, *out;
    size_t part_size, out_size, out_room;
    bool dirty, waits;
    char *token;
} Conn;

static Kind kind;
static int port, server, poll_fd, timer_fd;
static unsigned rooms_count, members;
static Room *rooms;
static Conn *conns;
static unsigned *dirty, dirty_count, opening, live;
static unsigned char buffer[BUFFER * 2];
static char filling[BODY + 1];
static uint64_t now, deliveries, acknowledged, last_news, from, until;
static bool closed_loop = true, stopped;
static uint32_t *histogram;
static uint64_t counted, slowest;

static void fail(const char *format, ...) {
    char text[600];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    for (char *c = text; *c; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
            *c = '\'';
    printf("{\"error\":\"%s\"}\n", text);
    exit(1);
}

static void *need(void *memory) {
    if (!memory)
        fail("no memory");
    return memory;
}

static uint64_t clock_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

// Microseconds on a processor, of all threads, in the program and in the kernel.
static uint64_t server_cpu(void) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", server);
    FILE *file = fopen(path, "r");
    size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (!size)
        fail("the server is gone");
    fclose(file);
    text[size] = 0;
    unsigned long user = 0, system = 0;
    sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    return (user + system) * 1000000ull / sysconf(_SC_CLK_TCK);
}

static uint64_t server_memory(void) {
    char path[64], line[256];
    unsigned long kilobytes = 0;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", server);
    FILE *file = fopen(path, "r");
    if (!file)
        fail("the server is gone");
    while (fgets(line, sizeof line, file) && sscanf(line, "Rss: %lu", &kilobytes) != 1)
        ;
    fclose(file);
    return kilobytes * 1024;
}

static uint64_t own_cpu(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000ull + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

static void hexadecimal(unsigned char *into, uint64_t value) {
    for (int i = DIGITS - 1; i >= 0; i--, value >>= 4)
        into[i] = "0123456789abcdef"[value & 15];
}

static void decimal(unsigned char *into, uint64_t value) {
    for (int i = ID - 1; i >= 0; i--, value /= 10)
        into[i] = '0' + value % 10;
}

// A whole frame. The mask is of zeros: masking with it changes nothing, and a server has to unmask all the same.
static size_t frame(unsigned char *into, int opcode, const char *payload, size_t size) {
    size_t at = 0;
    into[at++] = 0x80 | opcode;
    if (size < 126) {
        into[at++] = 0x80 | size;
    } else {
        into[at++] = 0x80 | 126;
        into[at++] = size >> 8;
        into[at++] = size & 255;
    }
    memset(into + at, 0, 4);
    memcpy(into + at + 4, payload, size);
    return at + 4 + size;
}

static void watch(unsigned at, bool add, bool out) {
    struct epoll_event event = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.u32 = at};
    if (epoll_ctl(poll_fd, add ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, conns[at].fd, &event))
        fail("poll: %s", strerror(errno));
}

// What a connection says in one turn of the poll leaves in one write at the end of it: the load is not to be the limit.
static void put(unsigned at, const void *bytes, size_t size) {
    Conn *conn = &conns[at];
    if (conn->out_size + size > conn->out_room) {
        conn->out_room = (conn->out_size + size) * 2;
        conn->out = need(realloc(conn->out, conn->out_room));
    }
    memcpy(conn->out + conn->out_size, bytes, size);
    conn->out_size += size;
    if (!conn->dirty) {
        conn->dirty = true;
        dirty[dirty_count++] = at;
    }
}

static void put_frame(unsigned at, int opcode, const char *payload, size_t size) {
    unsigned char bytes[8192];
    if (size > sizeof bytes - 16)
        fail("a frame that is too long");
    put(at, bytes, frame(bytes, opcode, payload, size));
}

static void flush(unsigned at) {
    Conn *conn = &conns[at];
    conn->dirty = false;
    ssize_t done = send(conn->fd, conn->out, conn->out_size, MSG_NOSIGNAL);
    if (done < 0 && errno != EAGAIN)
        fail("the server closed a connection: %s", strerror(errno));
    if (done > 0)
        memmove(conn->out, conn->out + done, conn->out_size -= done);
    if (conn->waits != (conn->out_size > 0))
        watch(at, false, conn->waits = !conn->waits);
}

static void flush_all(void) {
    for (unsigned i = 0; i < dirty_count; i++)
        flush(dirty[i]);
    dirty_count = 0;
}

// Lets the next of a room speak.
static void say(unsigned at, uint64_t meant) {
    Room *room = &rooms[at];
    if (room->said - room->first >= MOST)
        fail("the server does not keep up: %d messages are under way in a room", MOST);
    uint64_t number = room->said++;
    room->ring[number % RING] = (Message){.at = meant, .speaker = room->turn};
    hexadecimal(room->frame + room->body_at, number);
    if (kind == CHATD) {
        decimal(room->frame + room->id_at, ID_FIRST + number);
        hexadecimal(room->frame + room->txn_at, number);
    }
    put(at * members + room->turn, room->frame, room->size);
    room->turn = (room->turn + 1) % members;
}

// A message came to somebody.
static void heard(unsigned at, const unsigned char *text, size_t size, uint64_t seq) {
    Conn *conn = &conns[at];
    Room *room = &rooms[conn->room];
    uint64_t number = 0;
    for (int i = 0; i < DIGITS && i < (int)size; i++)
        number = number << 4 | (text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
    if (size != BODY || memcmp(text + DIGITS, filling + DIGITS, BODY - DIGITS) || number >= room->said)
        fail("altered: '%.*s' came, which nobody said", (int)(size < 80 ? size : 80), text);
    if (number < room->first)
        fail("repeated: message %lu of room %u came again", number, conn->room);
    Message *message = &room->ring[number % RING];
    if (conn->place == room->placed) {
        Conn *speaker = &conns[conn->room * members + message->speaker];
        if (message->placed || number < speaker->spoken)
            fail("repeated or out of order: message %lu of room %u", number, conn->room);
        if (room->seq && seq != room->seq + 1)
            fail("misnumbered: after %lu came %lu in room %u", room->seq, seq, conn->room);
        message->placed = true;
        message->seq = room->seq = seq;
        speaker->spoken = number + 1;
        room->order[room->placed++ % RING] = number;
    } else if (room->order[conn->place % RING] != number) {
        fail("lost, repeated or out of order: message %lu of room %u came where %lu was due", number, conn->room,
             room->order[conn->place % RING]);
    } else if (message->seq != seq) {
        fail("misnumbered: a message of room %u is %lu and %lu", conn->room, message->seq, seq);
    }
    conn->place++;
    deliveries++;
    last_news = now;
    if (histogram && message->at >= from && message->at < until) {
        uint64_t took = (now - message->at) / 1000;
        histogram[took < BUCKETS ? took : BUCKETS - 1]++;
        counted++;
        if (took > slowest)
            slowest = took;
    }
    if (++message->heard < members)
        return;
    while (room->first < room->said && room->ring[room->first % RING].heard == members)
        room->first++;
    if (closed_loop && !stopped && room->said < room->limit)
        say(conn->room, now);
}

static bool begins(const unsigned char *text, size_t size, const char *with) {
    size_t length = strlen(with);
    return size >= length && !memcmp(text, with, length);
}

static void arrived(unsigned at) {
    conns[at].step = LIVE;
    opening--;
    live++;
}

// A text frame of chatd. Members are looked for where chatd puts them.
static void read_chatd(unsigned at, const unsigned char *text, size_t size) {
    static const char EVENT[] = "{\"ev\":\"message\",\"room\":\"", BODY_IS[] = "\"body\":\"", SEQ[] = "\"seq\":";
    if (begins(text, size, EVENT)) {
        const unsigned char *number = memmem(text, size, SEQ, sizeof SEQ - 1);
        const unsigned char *body = number ? memmem(number, text + size - number, BODY_IS, sizeof BODY_IS - 1) : NULL;
        const unsigned char *start = body + sizeof BODY_IS - 1;
        const unsigned char *end = body ? memchr(start, '"', text + size - start) : NULL;
        if (!end)
            fail("a message that is none: %.*s", (int)size, text);
        // What follows the digits ends them, as a frame is longer than its numbers.
        return heard(at, start, end - start, strtoull((const char *)number + sizeof SEQ - 1, NULL, 10));
    }
    if (begins(text, size, "{\"id\":")) {
        const unsigned char *comma = memchr(text, ',', size);
        if (!comma || !begins(comma, text + size - comma, ",\"ok\":"))
            fail("refused: %.*s", (int)size, text);
        if (conns[at].step == LIVE)
            acknowledged++;
        else if (begins(text, size, "{\"id\":2,"))
            arrived(at);
    } else if (begins(text, size, "{\"ev\":\"closing\"")) {
        fail("the server closes: %.*s", (int)size, text);
    }
}

// A text frame of Socket.IO: the digit of Engine.IO, that of Socket.IO, and what is said.
static void read_socketio(unsigned at, const unsigned char *text, size_t size) {
    static const char EVENT[] = "42[\"m\",\"";
    size_t head = sizeof EVENT - 1;
    if (begins(text, size, EVENT) && size > head + 2)
        heard(at, text + head, size - head - 2, 0);
    else if (begins(text, size, "2"))
        put_frame(at, 1, "3", 1);
    else if (begins(text, size, "0"))
        put_frame(at, 1, "40", 2);
    else if (begins(text, size, "40"))
        arrived(at);
    else
        fail("what is this: %.*s", (int)size, text);
}

static void read_frame(unsigned at, int opcode, const unsigned char *payload, size_t size) {
    if (opcode == 9)
        put_frame(at, 10, (const char *)payload, size);
    else if (opcode == 8)
        fail("the server closed a connection with %d", size < 2 ? 0 : payload[0] << 8 | payload[1]);
    else if (opcode != 1)
        return;
    else if (kind == CHATD)
        read_chatd(at, payload, size);
    else if (kind == SOCKETIO)
        read_socketio(at, payload, size);
    else
        heard(at, payload, size, 0);
}

// How much of it is the answer to the upgrade; 0 while it is not whole.
static size_t upgraded(unsigned at, const unsigned char *bytes, size_t size) {
    const unsigned char *end = memmem(bytes, size, "\r\n\r\n", 4);
    if (!end)
        return 0;
    if (!begins(bytes, size, "HTTP/1.1 101"))
        fail("no upgrade: %.*s", (int)(size < 300 ? size : 300), bytes);
    conns[at].step = GREETING;
    if (kind == PLAIN)
        arrived(at);
    if (kind == CHATD) {
        char text[4096];
        put_frame(at, 1, text, snprintf(text, sizeof text, "{\"id\":1,\"op\":\"hello\",\"token\":\"%s\"}", conns[at].token));
        const char *room = rooms[conns[at].room].id;
        put_frame(at, 1, text, snprintf(text, sizeof text, "{\"id\":2,\"op\":\"subscribe\",\"room\":\"%s\"}", room));
    }
    return end + 4 - bytes;
}

static void take(unsigned at) {
    Conn *conn = &conns[at];
    size_t kept = conn->part_size;
    if (kept > BUFFER)
        fail("a frame that is too long");
    memcpy(buffer, conn->part, kept);
    ssize_t got = recv(conn->fd, buffer + kept, BUFFER, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0)
        fail("the server closed a connection: %s", got ? strerror(errno) : "without a word");
    now = clock_now();
    unsigned char *next = buffer, *end = buffer + kept + got;
    if (conn->step == UPGRADING)
        next += upgraded(at, buffer, end - buffer);
    while (conn->step != UPGRADING && end - next >= 2) {
        size_t head = next[1] == 126 ? 4 : next[1] == 127 ? 10 : 2, size = next[1];
        if (end - next < (ssize_t)head)
            break;
        if (head > 2) {
            size = 0;
            for (size_t i = 2; i < head; i++)
                size = size << 8 | next[i];
        }
        if ((size_t)(end - next) - head < size)
            break;
        read_frame(at, next[0] & 15, next + head, size);
        next += head + size;
    }
    conn->part_size = end - next;
    if (!conn->part_size) {
        free(conn->part);
        conn->part = NULL;
    } else {
        // The old one may be what was copied from, but no longer is.
        conn->part = need(realloc(conn->part, conn->part_size));
        memcpy(conn->part, next, conn->part_size);
    }
}

static void come(unsigned at) {
    Conn *conn = &conns[at];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->fd < 0 || (connect(conn->fd, (void *)&to, sizeof to) && errno != EINPROGRESS))
        fail("cannot connect: %s", strerror(errno));
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    conn->step = CONNECTING;
    opening++;
    watch(at, true, conn->waits = true);
}

static void ask_upgrade(unsigned at) {
    Conn *conn = &conns[at];
    char text[512];
    char path[64] = "/v1/ws";
    if (kind == SOCKETIO)
        snprintf(path, sizeof path, "/socket.io/?EIO=4&transport=websocket&room=%u", conn->room);
    if (kind == PLAIN)
        snprintf(path, sizeof path, "/?room=%u", conn->room);
    conn->step = UPGRADING;
    put(at, text, snprintf(text, sizeof text,
                           "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                           path, port));
}

// One turn of the poll, which ends at the latest at that moment.
static void turn(uint64_t wake) {
    struct epoll_event events[EVENTS];
    struct itimerspec when = {.it_value = {.tv_sec = wake / SECOND, .tv_nsec = wake % SECOND}};
    flush_all();
    static uint64_t set;
    if (wake != set)
        timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    set = wake;
    int count = epoll_wait(poll_fd, events, EVENTS, -1);
    now = clock_now();
    for (int i = 0; i < count; i++) {
        unsigned at = events[i].data.u32;
        if (at == UINT32_MAX) {
            uint64_t times;
            if (read(timer_fd, &times, sizeof times) > 0)
                set = 0;
            continue;
        }
        if (conns[at].step == CONNECTING)
            ask_upgrade(at);
        else if (events[i].events & EPOLLOUT && !conns[at].dirty)
            flush(at);
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            take(at);
    }
    now = clock_now();
}

// Until so many connections are there.
static void open_until(unsigned count) {
    static unsigned next;
    uint64_t before = live;
    last_news = now;
    while (live < count) {
        while (opening < AT_ONCE && next < count)
            come(next++);
        turn(now + SECOND);
        if (live != before)
            last_news = now;
        before = live;
        if (now > last_news + PATIENCE)
            fail("only %u of %u connections were there after 10 s", live, count);
    }
}

static bool all_done(void) {
    for (unsigned i = 0; i < rooms_count; i++)
        if (rooms[i].first < rooms[i].said)
            return false;
    return true;
}

// Until all that was said has come to everybody.
static void drain(void) {
    last_news = now;
    while (!all_done()) {
        turn(now + SECOND);
        if (now > last_news + PATIENCE)
            fail("lost: messages have not come to everybody after 10 s");
    }
    // Those who speak have it before the others, and the last may still be under way.
    uint64_t said = 0;
    for (unsigned i = 0; i < rooms_count; i++)
        said += rooms[i].said;
    while (kind == CHATD && acknowledged < said) {
        turn(now + SECOND);
        if (now > last_news + PATIENCE)
            fail("%lu messages were not acknowledged", said - acknowledged);
    }
    if (kind == CHATD && acknowledged != said)
        fail("%lu messages were acknowledged more than once", acknowledged - said);
}

static void rest(uint64_t how_long) {
    uint64_t end = now + how_long;
    while (now < end)
        turn(end);
}

// What the server still does when nobody talks any more: what it puts off is work, too.
static uint64_t put_off(void) {
    uint64_t first = server_cpu(), last = first, until_then = now + OVER;
    for (bool busy = true; busy && now < until_then;) {
        rest(SECOND / 2);
        uint64_t next = server_cpu();
        busy = next > last + QUIET;
        last = next;
    }
    return last - first;
}

static uint64_t quantile(double part) {
    uint64_t sum = 0, at = 0;
    while (at < BUCKETS - 1 && (sum += histogram[at]) < part * counted)
        at++;
    return at;
}

// People talk: each room has so many messages in flight, or is told so many a second by the clock.
static void talk(unsigned in_flight, double rate, double warm_up, double seconds) {
    uint64_t every = rate > 0 ? SECOND / rate : 0, due = now, room = 0;
    from = now + warm_up * SECOND;
    until = from + seconds * SECOND;
    closed_loop = !every;
    if (every)
        histogram = need(calloc(BUCKETS, sizeof *histogram));
    for (unsigned i = 0; i < rooms_count; i++)
        rooms[i].limit = UINT64_MAX;
    for (unsigned i = 0; i < rooms_count * in_flight; i++)
        say(i % rooms_count, now);
    last_news = now;
    uint64_t began = 0, had = 0, cpu = 0, own = 0;
    while (now < until) {
        uint64_t next = began ? until : from;
        if (every) {
            for (; due <= now && due < until; due += every)
                say(room++ % rooms_count, due);
            next = due < next ? due : next;
        }
        turn(next);
        if (now > last_news + PATIENCE)
            fail("lost: nothing came for 10 s");
        if (!began && now >= from)
            began = now, had = deliveries, cpu = server_cpu(), own = own_cpu();
    }
    uint64_t ended = now, came = deliveries - had;
    cpu = server_cpu() - cpu;
    own = own_cpu() - own;
    stopped = true;
    drain();
    uint64_t later = put_off();
    double took = (double)(ended - began) / SECOND;
    printf("{\"deliveries_per_second\":%.1f,\"cpu_us\":%.4f,\"later_us\":%.4f,\"load_percent\":%.1f", came / took,
           (double)cpu / came, (double)later / deliveries, own / took / 1e4);
    if (counted)
        printf(",\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f", quantile(0.5) / 1e3, quantile(0.99) / 1e3, slowest / 1e3);
    printf("}\n");
}

// Everybody hears some messages, then the server has time to give back what they took.
static uint64_t memory_after_traffic(unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        rooms[i].limit = rooms[i].said + TRAFFIC;
        say(i, now);
    }
    drain();
    rest(SETTLE);
    return server_memory();
}

// The first connections warm what is shared; what each of the others takes is the difference.
static void idle(unsigned warm_rooms) {
    open_until(warm_rooms * members);
    uint64_t before = memory_after_traffic(warm_rooms);
    open_until(rooms_count * members);
    uint64_t after = memory_after_traffic(rooms_count);
    unsigned more = (rooms_count - warm_rooms) * members;
    printf("{\"connections\":%u,\"kb_each\":%.3f}\n", more, ((double)after - before) / more / 1e3);
}

// What is said in a room, and where its numbers are to be put.
static void prepare(Room *room) {
    char payload[512];
    unsigned char bytes[520];
    int size;
    if (kind == CHATD)
        size = snprintf(payload, sizeof payload,
                        "{\"id\":%012d,\"op\":\"send\",\"room\":\"%s\",\"txn\":\"%016d\",\"body\":\"%s\"}", 0, room->id, 0,
                        filling);
    else
        size = snprintf(payload, sizeof payload, kind == SOCKETIO ? "42[\"m\",\"%s\"]" : "%s", filling);
    room->size = frame(bytes, 1, payload, size);
    room->frame = need(malloc(room->size));
    memcpy(room->frame, bytes, room->size);
    room->body_at = (unsigned char *)memmem(bytes, room->size, filling, BODY) - bytes;
    if (kind == CHATD) {
        room->id_at = (unsigned char *)memmem(bytes, room->size, "\"id\":", 5) - bytes + 5;
        room->txn_at = (unsigned char *)memmem(bytes, room->size, "\"txn\":\"", 7) - bytes + 7;
    }
    room->ring = need(calloc(RING, sizeof *room->ring));
    room->order = need(calloc(RING, sizeof *room->order));
}

static char *line(void) {
    char *text = NULL;
    size_t room = 0;
    ssize_t size = getline(&text, &room, stdin);
    if (size <= 1)
        fail("rooms and tokens are missing");
    text[size - 1] = 0;
    return text;
}

int main(int count, char **args) {
    if (count < 8)
        fail("how: see the beginning of load.c");
    kind = !strcmp(args[1], "chatd") ? CHATD : !strcmp(args[1], "socketio") ? SOCKETIO : PLAIN;
    port = atoi(args[2]);
    server = atoi(args[3]);
    rooms_count = atoi(args[4]);
    members = atoi(args[5]);
    unsigned all = rooms_count * members;
    // Whatever happens, it ends.
    alarm(180);
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    static const char WORDS[] = "the quick brown fox jumps over the lazy dog and packs my box with five jugs ";
    for (int i = 0; i < BODY; i++)
        filling[i] = i < DIGITS ? '-' : i == DIGITS ? ' ' : WORDS[(i - DIGITS - 1) % (sizeof WORDS - 1)];
    rooms = need(calloc(rooms_count, sizeof *rooms));
    conns = need(calloc(all, sizeof *conns));
    dirty = need(calloc(all, sizeof *dirty));
    for (unsigned i = 0; i < rooms_count; i++) {
        if (kind == CHATD)
            snprintf(rooms[i].id, sizeof rooms[i].id, "%s", line());
        prepare(&rooms[i]);
    }
    for (unsigned i = 0; i < all; i++) {
        conns[i].room = i / members;
        if (kind == CHATD)
            conns[i].token = line();
    }
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, timer_fd, &event);
    now = clock_now();
    if (!strcmp(args[6], "idle")) {
        idle(atoi(args[7]));
        return 0;
    }
    if (count < 10)
        fail("how: see the beginning of load.c");
    open_until(all);
    if (!strcmp(args[6], "offer"))
        talk(0, atof(args[7]), atof(args[8]), atof(args[9]));
    else
        talk(atoi(args[7]), 0, atof(args[8]), atof(args[9]));
}
