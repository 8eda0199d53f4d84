// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Three things are kept, each bounded and each gone with this process: passwords that were right (as a hash under a key that nobody
 * has written anywhere), short-lived tokens (their hash), and how often who was wrong. The first two refer to a user by name and by the
 * hash of his password: when the file has changed, who is not the same any more is not found.
 */
#include "api/credentials.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "agent/agent.h"

#define N_FAILURES	 1024
#define FAILURE_PLACES	 8 /* where one may be; the oldest of them goes */
#define FAILURE_MS	 60000
#define BUSY_RETRY_S	 2
#define MAX_REMEMBERED_N LIMIT_REMEMBERED

struct login {
	struct login *next;
	struct request *request; /* NULL: it has gone */
	char *peer, *name;
	unsigned char seal
		[SECRET_HASH_SIZE]; /* of name, password and the hash that they are compared with */
	struct verifier_task task;
};

struct remembered {
	unsigned char seal[SECRET_HASH_SIZE];
	uint64_t until_ms; /* 0: free */
};

struct session {
	unsigned char token[SECRET_HASH_SIZE], user[SECRET_HASH_SIZE];
	char *name;
	uint64_t number; /* 0: free */
	uint64_t until_ms;
};

struct failure {
	unsigned char seal[SECRET_HASH_SIZE];
	uint64_t since_ms; /* 0: free */
	unsigned n;
};

struct credentials {
	char *path;
	struct secret_owner owner;
	struct arena *arena; /* of users */
	struct users users;
	struct stat stamp; /* the file that was looked at last */
	unsigned char key[SECRET_KEY_SIZE];
	struct login *logins, **logins_end; /* the first one is under way if is_asked */
	size_t n_logins;
	bool is_asked, is_sent;
	struct remembered remembered[MAX_REMEMBERED_N];
	struct session sessions[LIMIT_SESSIONS];
	uint64_t last_session;
	struct failure failures[N_FAILURES];
};

static char *copy_or_die(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		abort();
	return copy;
}

/* --- the users' file --- */

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* By its time stamp, which a change of rights moves as well. */
static bool read_users(struct credentials *credentials, struct err *err)
{
	struct arena *arena = arena_new();
	struct stat now = { 0 };
	struct users users;

	/* before it is read: what is written meanwhile is read again */
	stat(credentials->path, &now);
	credentials->stamp = now;
	if (!users_load(arena, credentials->path, &credentials->owner, &users, err)) {
		arena_free(arena);
		return false;
	}
	arena_free(credentials->arena);
	credentials->arena = arena;
	credentials->users = users;
	secret_wipe(credentials->remembered, sizeof(credentials->remembered));
	return true;
}

/* A file with a mistake changes nothing, as a configuration with one does not. */
static void look_for_changes(struct credentials *credentials)
{
	struct stat now = { 0 };
	struct err err;

	stat(credentials->path, &now);
	if (is_same_file(&now, &credentials->stamp))
		return;
	if (read_users(credentials, &err))
		agent_log(LOG_NOTICE, "users-read", "file", credentials->path, NULL);
	else
		agent_log(LOG_ERROR, "users-not-read", "why", err.text, "next",
			*err.next_step ? err.next_step : NULL, NULL);
}

bool credentials_open(const char *users_path, const struct secret_owner *owner,
	struct credentials **ret, struct err *err)
{
	struct credentials *credentials = new_or_die(sizeof(*credentials));

	credentials->path = copy_or_die(users_path);
	credentials->owner = *owner;
	credentials->logins_end = &credentials->logins;
	secret_random(credentials->key, sizeof(credentials->key));
	if (!read_users(credentials, err)) {
		credentials_close(&credentials);
		return false;
	}
	*ret = credentials;
	return true;
}

static void free_login(struct login *login)
{
	if (login->request)
		login->request->login = NULL;
	free(login->peer);
	free(login->name);
	secret_wipe(login, sizeof(*login));
	free(login);
}

void credentials_close(struct credentials **credentials_p)
{
	struct credentials *credentials = *credentials_p;

	*credentials_p = NULL;
	if (!credentials)
		return;
	for (struct login *login = credentials->logins, *next; login; login = next) {
		next = login->next;
		free_login(login);
	}
	for (size_t i = 0; i < LIMIT_SESSIONS; i++)
		free(credentials->sessions[i].name);
	arena_free(credentials->arena);
	free(credentials->path);
	secret_wipe(credentials, sizeof(*credentials));
	free(credentials);
}

/* --- who was wrong, how often --- */

static void seal(const struct credentials *credentials, const char *const *texts, size_t n,
	unsigned char ret[SECRET_HASH_SIZE])
{
	secret_hash(credentials->key, texts, n, ret);
}

/* Where it is kept; NULL: it is not. is_new: it is to be, in place of the oldest one. */
static struct failure *find_failure(struct credentials *credentials, uint64_t now_ms,
	const char *peer, const char *name, bool is_new)
{
	const char *const texts[] = { "failure", peer, name };
	unsigned char wanted[SECRET_HASH_SIZE];
	struct failure *oldest = NULL;
	size_t at;

	seal(credentials, texts, N_OF(texts), wanted);
	memcpy(&at, wanted, sizeof(at));
	for (size_t i = 0; i < FAILURE_PLACES; i++) {
		struct failure *failure = &credentials->failures[(at + i) % N_FAILURES];

		if (failure->since_ms && now_ms - failure->since_ms > FAILURE_MS)
			*failure = (struct failure){ .since_ms = 0 };
		if (failure->since_ms && secret_is_equal(failure->seal, wanted, sizeof(wanted)))
			return failure;
		if (!oldest || failure->since_ms < oldest->since_ms)
			oldest = failure;
	}
	if (!is_new)
		return NULL;
	*oldest = (struct failure){ .since_ms = now_ms };
	memcpy(oldest->seal, wanted, sizeof(wanted));
	return oldest;
}

static void note_failure(struct door *door, const char *peer, const char *name)
{
	struct credentials *credentials = door->credentials;
	struct failure *of_name = find_failure(credentials, door->now_ms, peer, name, true),
		       *of_peer = find_failure(credentials, door->now_ms, peer, "", true);

	door->counts.wrong_credentials++;
	/* One line a minute: no names, since it may be a password that somebody typed there. */
	of_name->n++;
	of_peer->n++;
	if (of_name->n == LIMIT_FAILURES || of_peer->n == LIMIT_PEER_FAILURES)
		agent_log(LOG_WARNING, "wrong-passwords", "from", peer, "what",
			"no more of them are looked at for a minute", NULL);
}

/* Seconds until another password is looked at; 0: now. */
static unsigned must_wait_s(struct door *door, const char *peer, const char *name)
{
	const struct failure *failures[] = {
		find_failure(door->credentials, door->now_ms, peer, name, false),
		find_failure(door->credentials, door->now_ms, peer, "", false),
	};
	static const unsigned most[] = { LIMIT_FAILURES, LIMIT_PEER_FAILURES };
	unsigned wait_s = 0;

	for (size_t i = 0; i < N_OF(failures); i++) {
		unsigned left_s;

		if (!failures[i] || failures[i]->n < most[i])
			continue;
		left_s = (unsigned)((FAILURE_MS - (door->now_ms - failures[i]->since_ms)) / 1000) +
			 1;
		wait_s = left_s > wait_s ? left_s : wait_s;
	}
	return wait_s;
}

/* --- answers --- */

static void set_who(struct request *request, const struct user *user, enum proof proof)
{
	request->who = (struct identity){ arena_strdup(request->arena, user->name),
		arena_strdup(request->arena, user->project_id), user->roles };
	request->proof = proof;
}

static enum who refuse(struct request *request)
{
	answer_error(request, 401, "HTTPUnauthorized",
		"Send a name and its password (Basic), or a token (X-Auth-Token).",
		"The request you have made requires authentication.");
	return WHO_IS_REFUSED;
}

static enum who refuse_for_now(struct request *request, unsigned wait_s, const char *why)
{
	answer_error(request, 429, "TooManyLogins",
		"Try again later, or use a token: portwall user token makes one.", "%s", why);
	request->answer.retry_after_s = wait_s;
	return WHO_IS_REFUSED;
}

/* --- passwords --- */

static struct remembered *find_remembered(
	struct credentials *credentials, uint64_t now_ms, const unsigned char *wanted)
{
	for (size_t i = 0; i < MAX_REMEMBERED_N; i++) {
		struct remembered *entry = &credentials->remembered[i];

		if (entry->until_ms > now_ms &&
			secret_is_equal(entry->seal, wanted, sizeof(entry->seal)))
			return entry;
	}
	return NULL;
}

static void remember(struct credentials *credentials, uint64_t now_ms, const unsigned char *wanted)
{
	struct remembered *oldest = &credentials->remembered[0];

	for (size_t i = 0; i < MAX_REMEMBERED_N; i++)
		if (credentials->remembered[i].until_ms < oldest->until_ms)
			oldest = &credentials->remembered[i];
	memcpy(oldest->seal, wanted, sizeof(oldest->seal));
	oldest->until_ms = now_ms + LIMIT_REMEMBERED_S * 1000ULL;
}

static void give_up_login(struct request *request)
{
	credentials_forget(request);
	request->give_up = NULL;
	refuse_for_now(request, BUSY_RETRY_S, "There are too many passwords to look at.");
}

static enum who begin_login(struct request *request, const char *name, const char *password,
	const char *hash, const unsigned char *sealed)
{
	struct credentials *credentials = request->door->credentials;
	struct login *login;
	size_t n_of_peer = 0;

	for (login = credentials->logins; login; login = login->next)
		n_of_peer += !strcmp(login->peer, request->peer);
	if (credentials->n_logins >= LIMIT_LOGINS || n_of_peer >= LIMIT_PEER_LOGINS)
		return refuse_for_now(
			request, BUSY_RETRY_S, "There are too many passwords to look at.");
	login = new_or_die(sizeof(*login));
	login->request = request;
	login->peer = copy_or_die(request->peer);
	login->name = copy_or_die(name);
	memcpy(login->seal, sealed, sizeof(login->seal));
	strncpy(login->task.hash, hash, sizeof(login->task.hash) - 1);
	strncpy(login->task.password, password, sizeof(login->task.password) - 1);
	*credentials->logins_end = login;
	credentials->logins_end = &login->next;
	credentials->n_logins++;
	request->login = login;
	request->give_up = give_up_login;
	request_wait(request, LIMIT_LOGIN_S);
	return WHO_IS_ASKED;
}

/* The same for a name that is not there: neither the words nor the time tell which was wrong. */
static enum who ask_password(struct request *request, const char *name, const char *password)
{
	struct door *door = request->door;
	const struct user *user = users_find(&door->credentials->users, name);
	const char *hash = user && user->password ? user->password : "";
	const char *const texts[] = { "password", name, password, hash };
	unsigned char sealed[SECRET_HASH_SIZE];
	unsigned wait_s;

	if (strlen(password) > LIMIT_PASSWORD_LEN)
		return refuse(request);
	seal(door->credentials, texts, N_OF(texts), sealed);
	/* before anything else: who was right goes on while somebody guesses from the same address */
	if (user && find_remembered(door->credentials, door->now_ms, sealed)) {
		set_who(request, user, PROOF_PASSWORD);
		return WHO_IS_KNOWN;
	}
	wait_s = must_wait_s(door, request->peer, name);
	if (wait_s)
		return refuse_for_now(request, wait_s, "There were too many wrong passwords.");
	return begin_login(request, name, password, hash, sealed);
}

static enum who ask_basic(struct request *request, const char *base64)
{
	/* each with its NUL, and the colon */
	char words[LIMIT_NAME_LEN + LIMIT_PASSWORD_LEN + 3];
	enum who who = WHO_IS_REFUSED;
	char *colon;

	if (secret_base64_parse(base64 + strspn(base64, " "), words, sizeof(words)) &&
		(colon = strchr(words, ':'))) {
		*colon = '\0';
		who = ask_password(request, words, colon + 1);
	} else {
		refuse(request);
	}
	secret_wipe(words, sizeof(words));
	return who;
}

static void take_first_login(struct credentials *credentials)
{
	struct login *login = credentials->logins;

	credentials->logins = login->next;
	if (!credentials->logins)
		credentials->logins_end = &credentials->logins;
	credentials->n_logins--;
	free_login(login);
}

/* user NULL: it was wrong. */
static void end_login(struct door *door, struct login *login, const struct user *user)
{
	struct request *request = login->request;

	if (!user)
		note_failure(door, login->peer, login->name);
	take_first_login(door->credentials);
	if (!request)
		return;
	request->give_up = NULL;
	if (user)
		set_who(request, user, PROOF_PASSWORD);
	else
		refuse(request);
	request_finish(request);
}

const struct verifier_task *credentials_task(struct credentials *credentials)
{
	while (!credentials->is_asked && credentials->logins && !credentials->logins->request)
		take_first_login(credentials);
	if (!credentials->logins || credentials->is_sent)
		return NULL;
	credentials->is_asked = true;
	return &credentials->logins->task;
}

void credentials_sent(struct credentials *credentials)
{
	credentials->is_sent = true;
	secret_wipe(credentials->logins->task.password, sizeof(credentials->logins->task.password));
}

/* Several requests at once with the same password: the others need no look of their own. */
static void end_logins_like(struct door *door)
{
	struct credentials *credentials = door->credentials;
	const struct user *user;

	while (credentials->logins &&
		(user = users_find(&credentials->users, credentials->logins->name)) &&
		find_remembered(credentials, door->now_ms, credentials->logins->seal))
		end_login(door, credentials->logins, user);
}

void credentials_answered(struct door *door, bool matches)
{
	struct credentials *credentials = door->credentials;
	struct login *login = credentials->logins;
	const struct user *user;

	if (!login || !credentials->is_sent)
		return;
	credentials->is_asked = credentials->is_sent = false;
	/* as the file was when it was asked; is he still so? */
	user = matches ? users_find(&credentials->users, login->name) : NULL;
	if (user && (!user->password || strcmp(user->password, login->task.hash) != 0))
		user = NULL;
	if (user)
		remember(credentials, door->now_ms, login->seal);
	end_login(door, login, user);
	end_logins_like(door);
}

void credentials_forget(struct request *request)
{
	if (!request->login)
		return;
	request->login->request = NULL;
	request->login = NULL;
}

/* --- tokens --- */

static void seal_user(const struct credentials *credentials, const struct user *user,
	unsigned char ret[SECRET_HASH_SIZE])
{
	const char *const texts[] = { "user", user->name, user->password ? user->password : "" };

	seal(credentials, texts, N_OF(texts), ret);
}

static void end_session(struct session *session)
{
	free(session->name);
	*session = (struct session){ .name = NULL };
}

static struct session *find_session(
	struct credentials *credentials, uint64_t now_ms, const unsigned char *hash)
{
	struct session *found = NULL;

	for (size_t i = 0; i < LIMIT_SESSIONS; i++) {
		struct session *session = &credentials->sessions[i];

		if (session->number && session->until_ms <= now_ms)
			end_session(session);
		if (session->number && secret_is_equal(session->token, hash, SECRET_HASH_SIZE))
			found = session;
	}
	return found;
}

static enum who ask_token(struct request *request, const char *token)
{
	struct credentials *credentials = request->door->credentials;
	const struct user *user = users_find_token(&credentials->users, token);
	unsigned char hash[SECRET_HASH_SIZE], is_now[SECRET_HASH_SIZE];
	struct session *session;

	if (user) {
		set_who(request, user, PROOF_TOKEN);
		return WHO_IS_KNOWN;
	}
	token_hash(token, hash);
	session = find_session(credentials, request->door->now_ms, hash);
	user = session ? users_find(&credentials->users, session->name) : NULL;
	if (user)
		seal_user(credentials, user, is_now);
	if (!user || !secret_is_equal(is_now, session->user, sizeof(is_now))) {
		request->door->counts.wrong_credentials++;
		return refuse(request);
	}
	set_who(request, user, PROOF_SESSION);
	request->session = session->number;
	return WHO_IS_KNOWN;
}

/* A free one, or the oldest of that user, or the oldest of all. */
static struct session *make_room(struct credentials *credentials, const char *name)
{
	struct session *free_one = NULL, *own = NULL, *oldest = NULL;
	size_t n_own = 0;

	for (size_t i = 0; i < LIMIT_SESSIONS; i++) {
		struct session *session = &credentials->sessions[i];

		if (!session->number) {
			free_one = session;
			continue;
		}
		if (!oldest || session->number < oldest->number)
			oldest = session;
		if (strcmp(session->name, name) != 0)
			continue;
		n_own++;
		if (!own || session->number < own->number)
			own = session;
	}
	if (n_own < LIMIT_USER_SESSIONS && free_one)
		return free_one;
	return own ? own : oldest;
}

void credentials_begin_session(struct request *request, char ret[TOKEN_LEN + 1])
{
	struct credentials *credentials = request->door->credentials;
	const struct user *user = users_find(&credentials->users, request->who.user);
	struct session *session = make_room(credentials, request->who.user);

	end_session(session);
	token_make(ret);
	token_hash(ret, session->token);
	if (user)
		seal_user(credentials, user, session->user);
	session->name = copy_or_die(request->who.user);
	session->number = ++credentials->last_session;
	session->until_ms = request->door->now_ms + LIMIT_SESSION_S * 1000ULL;
}

void credentials_end_session(struct request *request)
{
	struct credentials *credentials = request->door->credentials;

	for (size_t i = 0; i < LIMIT_SESSIONS; i++)
		if (credentials->sessions[i].number == request->session)
			end_session(&credentials->sessions[i]);
}

size_t credentials_n_sessions(const struct credentials *credentials)
{
	size_t n = 0;

	for (size_t i = 0; i < LIMIT_SESSIONS; i++)
		n += credentials->sessions[i].number != 0;
	return n;
}

size_t credentials_n_logins(const struct credentials *credentials)
{
	return credentials->n_logins;
}

enum who credentials_ask(struct request *request, const char *authorization, const char *token)
{
	static const char basic[] = "Basic ";

	request->who = (struct identity){ "", "", 0 };
	request->proof = PROOF_NONE;
	/* what takes no role is answered to everybody: no guess costs anything there */
	if (!request->route->role)
		return WHO_IS_KNOWN;
	look_for_changes(request->door->credentials);
	if (token)
		return ask_token(request, token);
	if (authorization && !strncasecmp(authorization, basic, strlen(basic)))
		return ask_basic(request, authorization + strlen(basic));
	return authorization ? refuse(request) : WHO_IS_KNOWN;
}
