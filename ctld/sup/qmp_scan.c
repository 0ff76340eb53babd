/* SPDX-License-Identifier: ISC */
/*
 * Runs in vmsup, after it locked itself. Reads bytes of a VMM that may be
 * hostile. Invariant: the cursor only moves forward and never past the end;
 * the stack of containers is a bit field of fixed depth.
 */
#include <errno.h>
#include <string.h>

#include "ctld/sup/qmp_scan.h"

enum key {
	KEY_OTHER = 0, KEY_QMP, KEY_RETURN, KEY_ERROR, KEY_EVENT, KEY_DATA,
	KEY_ID, KEY_STATUS, KEY_REASON, KEY_GUEST, KEY_DESC, KEY_OPEN, KEY_END
};
enum type { TYPE_STRING, TYPE_NUMBER, TYPE_TRUE, TYPE_FALSE, TYPE_NULL,
	TYPE_OBJECT, TYPE_ARRAY };
enum state { WANT_FIRST_KEY, WANT_KEY, WANT_FIRST_VALUE, WANT_VALUE,
	WANT_AFTER, WANT_END };

struct span {
	const char *s;
	size_t n;
	int escaped;
};
struct scan {
	const char *p, *end;
	unsigned depth;
	uint32_t arrays;	/* bit d: the container at depth d is one */
	uint32_t seen;		/* bit k: member k was there */
	enum key key[3];	/* of the members at depth 1 and 2 */
	struct qmp_msg *m;
};

static const char *const keys[KEY_END] = { [KEY_QMP] = "QMP",
	[KEY_RETURN] = "return", [KEY_ERROR] = "error", [KEY_EVENT] = "event",
	[KEY_DATA] = "data", [KEY_ID] = "id", [KEY_STATUS] = "status",
	[KEY_REASON] = "reason", [KEY_GUEST] = "guest", [KEY_DESC] = "desc",
	[KEY_OPEN] = "open" };
static const char *const events[QMP_EV_END] = {
	[QMP_EV_SHUTDOWN] = "SHUTDOWN", [QMP_EV_RESET] = "RESET",
	[QMP_EV_STOP] = "STOP", [QMP_EV_RESUME] = "RESUME",
	[QMP_EV_POWERDOWN] = "POWERDOWN",
	[QMP_EV_PANICKED] = "GUEST_PANICKED",
	[QMP_EV_PORT] = "VSERPORT_CHANGE" };
static const char *const reasons[QMP_WHY_END] = {
	[QMP_WHY_GUEST_SHUTDOWN] = "guest-shutdown",
	[QMP_WHY_GUEST_RESET] = "guest-reset",
	[QMP_WHY_GUEST_PANIC] = "guest-panic",
	[QMP_WHY_QUIT] = "host-qmp-quit", [QMP_WHY_SIGNAL] = "host-signal",
	[QMP_WHY_ERROR] = "host-error" };
static const char *const statuses[QMP_IS_END] = {
	[QMP_IS_RUNNING] = "running", [QMP_IS_PAUSED] = "paused",
	[QMP_IS_INTERNAL_ERROR] = "internal-error",
	[QMP_IS_IO_ERROR] = "io-error" };

/* Index of the word in a table, 0 for none. */
static unsigned
word(const struct span *v, const char *const *table, unsigned n)
{
	unsigned i;

	for (i = 1; i < n; i++)
		if (!v->escaped && strlen(table[i]) == v->n &&
		    memcmp(table[i], v->s, v->n) == 0)
			return i;
	return 0;
}

static void
skip_space(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' ||
	    *s->p == '\r'))
		s->p++;
}

static int
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
	    (c >= 'A' && c <= 'F');
}

/* After a backslash: one of JSON's escapes. */
static int
take_escape(struct scan *s)
{
	unsigned i;

	if (s->p == s->end)
		return -1;
	if (*s->p != 'u') {
		if (strchr("\"\\/bfnrt", *s->p) == NULL || *s->p == '\0')
			return -1;
		s->p++;
		return 0;
	}
	s->p++;
	for (i = 0; i < 4; i++, s->p++)
		if (s->p == s->end || !is_hex(*s->p))
			return -1;
	return 0;
}

/* A string, opening quote first. */
static int
take_string(struct scan *s, struct span *v)
{
	s->p++;
	v->s = s->p;
	v->escaped = 0;
	while (s->p < s->end && *s->p != '"') {
		if (*s->p < 0x20 || *s->p > 0x7e)
			return -1; /* signed or not: control or not ASCII */
		if (*s->p++ == '\\') {
			v->escaped = 1;
			if (take_escape(s) < 0)
				return -1;
		}
	}
	if (s->p == s->end)
		return -1;
	v->n = (size_t)(s->p - v->s);
	s->p++;
	return 0;
}

static size_t
take_digits(struct scan *s)
{
	const char *from = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return (size_t)(s->p - from);
}

static int
take_number(struct scan *s, struct span *v)
{
	v->s = s->p;
	if (*s->p == '-')
		s->p++;
	if (s->p < s->end && *s->p == '0')
		s->p++;
	else if (take_digits(s) == 0)
		return -1;
	if (s->p < s->end && *s->p == '.') {
		s->p++;
		if (take_digits(s) == 0)
			return -1;
	}
	if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
		s->p++;
		if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
			s->p++;
		if (take_digits(s) == 0)
			return -1;
	}
	v->n = (size_t)(s->p - v->s);
	return 0;
}

static int
take_literal(struct scan *s, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(s->end - s->p) < n || memcmp(s->p, text, n) != 0)
		return -1;
	s->p += n;
	return 0;
}

static int
note_id(struct qmp_msg *m, enum type type, const struct span *v)
{
	size_t i;

	/* we only ever send small positive numbers */
	if (type != TYPE_NUMBER || v->n == 0 || v->n > 9)
		return -1;
	for (i = 0; i < v->n; i++) {
		if (v->s[i] < '0' || v->s[i] > '9')
			return -1;
		m->id = m->id * 10 + (uint32_t)(v->s[i] - '0');
	}
	return 0;
}

static int
note_kind(struct qmp_msg *m, enum qmp_kind kind, int right_type)
{
	if (m->kind != QMP_NONE || !right_type)
		return -1;
	m->kind = kind;
	return 0;
}

/* A member of the line's own object. */
static int
note_top(struct scan *s, enum key key, enum type type, const struct span *v)
{
	struct qmp_msg *m = s->m;

	if (key == KEY_QMP)
		return note_kind(m, QMP_GREETING, type == TYPE_OBJECT);
	if (key == KEY_RETURN)
		return note_kind(m, QMP_RETURN, 1);
	if (key == KEY_ERROR)
		return note_kind(m, QMP_ERROR, type == TYPE_OBJECT);
	if (key == KEY_DATA)
		return type == TYPE_OBJECT ? 0 : -1;
	if (key == KEY_ID)
		return note_id(m, type, v);
	if (key != KEY_EVENT)
		return 0;
	if (type == TYPE_STRING)
		m->event = (enum qmp_event)word(v, events, QMP_EV_END);
	return note_kind(m, QMP_EVENT, type == TYPE_STRING);
}

/* A member of return, error or data. */
static int
note_inner(struct scan *s, enum key key, enum type type, const struct span *v)
{
	struct qmp_msg *m = s->m;
	size_t n;

	if (key == KEY_GUEST && s->key[1] == KEY_DATA) {
		m->guest = type == TYPE_TRUE;
		return 0;
	}
	if (key == KEY_OPEN && s->key[1] == KEY_DATA) {
		m->open = type == TYPE_TRUE;
		return 0;
	}
	if (type != TYPE_STRING)
		return 0;
	if (key == KEY_ID && s->key[1] == KEY_DATA && !v->escaped &&
	    v->n < sizeof(m->device)) {
		memcpy(m->device, v->s, v->n);
		m->device[v->n] = '\0';
	}
	if (key == KEY_REASON && s->key[1] == KEY_DATA)
		m->reason = (enum qmp_reason)word(v, reasons, QMP_WHY_END);
	if (key == KEY_STATUS && s->key[1] == KEY_RETURN)
		m->status = (enum qmp_status)word(v, statuses, QMP_IS_END);
	if (key == KEY_DESC && s->key[1] == KEY_ERROR) {
		n = v->n < sizeof(m->desc) - 1 ? v->n : sizeof(m->desc) - 1;
		memcpy(m->desc, v->s, n);
		m->desc[n] = '\0';
	}
	return 0;
}

static int
note(struct scan *s, enum type type, const struct span *v)
{
	if (s->arrays & (1u << s->depth))
		return 0;
	if (s->depth == 1)
		return note_top(s, s->key[1], type, v);
	if (s->depth == 2)
		return note_inner(s, s->key[2], type, v);
	return 0;
}

static int
take_key(struct scan *s)
{
	struct span v = { NULL, 0, 0 };
	enum key key;
	uint32_t bit;

	if (*s->p != '"' || take_string(s, &v) < 0)
		return -1;
	key = (enum key)word(&v, keys, KEY_END);
	if (s->depth <= 2)
		s->key[s->depth] = key;
	/* a member that counts may come once at its depth */
	bit = 1u << ((unsigned)key + (s->depth == 2 ? 16u : 0u));
	if (s->depth <= 2 && key != KEY_OTHER) {
		if (s->seen & bit)
			return -1;
		s->seen |= bit;
	}
	skip_space(s);
	if (s->p == s->end || *s->p != ':')
		return -1;
	s->p++;
	return 0;
}

static int
push(struct scan *s, int array)
{
	if (note(s, array ? TYPE_ARRAY : TYPE_OBJECT, NULL) < 0 ||
	    s->depth == QMP_DEPTH_MAX)
		return -1;
	s->p++;
	s->depth++;
	s->arrays &= ~(1u << s->depth);
	if (array)
		s->arrays |= 1u << s->depth;
	if (s->depth == 2)
		s->seen &= 0xffffu;
	return 0;
}

static int
take_scalar(struct scan *s)
{
	struct span v = { NULL, 0, 0 };
	enum type type;
	int rc;

	switch (*s->p) {
	case '"':
		type = TYPE_STRING;
		rc = take_string(s, &v);
		break;
	case 't':
		type = TYPE_TRUE;
		rc = take_literal(s, "true");
		break;
	case 'f':
		type = TYPE_FALSE;
		rc = take_literal(s, "false");
		break;
	case 'n':
		type = TYPE_NULL;
		rc = take_literal(s, "null");
		break;
	default:
		type = TYPE_NUMBER;
		rc = take_number(s, &v);
	}
	return rc < 0 ? -1 : note(s, type, &v);
}

static int
take_value(struct scan *s, enum state *state)
{
	if (*s->p == '{' || *s->p == '[') {
		*state = *s->p == '{' ? WANT_FIRST_KEY : WANT_FIRST_VALUE;
		return push(s, *s->p == '[');
	}
	*state = WANT_AFTER;
	return take_scalar(s);
}

/* The end of the innermost container. */
static int
pop(struct scan *s, enum state *state)
{
	int array = (s->arrays & (1u << s->depth)) != 0;

	if (*s->p != (array ? ']' : '}'))
		return -1;
	s->p++;
	s->depth--;
	*state = s->depth == 0 ? WANT_END : WANT_AFTER;
	return 0;
}

static int
step(struct scan *s, enum state *state)
{
	int array = (s->arrays & (1u << s->depth)) != 0;

	switch (*state) {
	case WANT_FIRST_KEY:
	case WANT_KEY:
		if (*s->p == '}' && *state == WANT_FIRST_KEY)
			return pop(s, state);
		*state = WANT_VALUE;
		return take_key(s);
	case WANT_FIRST_VALUE:
	case WANT_VALUE:
		if (*s->p == ']' && *state == WANT_FIRST_VALUE)
			return pop(s, state);
		return take_value(s, state);
	case WANT_AFTER:
		if (*s->p != ',')
			return pop(s, state);
		s->p++;
		*state = array ? WANT_VALUE : WANT_KEY;
		return 0;
	case WANT_END:
	default:
		return -1; /* something after the object */
	}
}

int
qmp_scan(const char *line, size_t n, struct qmp_msg *m)
{
	struct scan s;
	enum state state = WANT_VALUE;

	memset(&s, 0, sizeof(s));
	memset(m, 0, sizeof(*m));
	s.p = line;
	s.end = line + n;
	s.m = m;
	errno = EBADMSG;
	if (n > QMP_LINE_MAX)
		return -1;
	skip_space(&s);
	if (s.p == s.end || *s.p != '{')
		return -1;
	while (s.p < s.end) {
		if (step(&s, &state) < 0)
			return -1;
		skip_space(&s);
	}
	return state == WANT_END && m->kind != QMP_NONE ? 0 : -1;
}

const char *
qmp_event_name(enum qmp_event event)
{
	return event > QMP_EV_OTHER && event < QMP_EV_END ? events[event] : "?";
}

const char *
qmp_reason_name(enum qmp_reason reason)
{
	return reason > QMP_WHY_OTHER && reason < QMP_WHY_END ?
	    reasons[reason] : "?";
}
