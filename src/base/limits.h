/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* Every size that a user, a file or the kernel controls has its bound here, checked on entry. */
#define LIMIT_POLICY_FILE_SIZE	((size_t)64 * 1024 * 1024) /* bytes */
#define LIMIT_POLICY_DEPTH	16			   /* nesting of the YAML */
#define LIMIT_POLICY_NODES	40000000		   /* values and keys in the YAML */
#define LIMIT_POLICY_ALIASED	4000000			   /* values that its aliases stand for */
#define LIMIT_PORTS		20000			   /* Neutron zones end at 61,439 ports */
#define LIMIT_GROUPS		100000
#define LIMIT_RULES		2000000			    /* of all groups */
#define LIMIT_MEMBERS		4000000			    /* of all address groups and ports */
#define LIMIT_NAME_LEN		255			    /* characters, as Neutron's columns */
#define LIMIT_SERVE_CONFIG	((size_t)1024 * 1024)	    /* bytes of serve.conf */
#define LIMIT_SERVE_FRAME	((size_t)256 * 1024 * 1024) /* bytes from the door to the engine */
#define LIMIT_STORE_KEY		2048			    /* bytes */
#define LIMIT_STORE_VALUE	((size_t)32 * 1024 * 1024)  /* bytes of one document */
#define LIMIT_STORE_PUTS	250000			    /* of one transaction */
#define LIMIT_STORE_HISTORY	((size_t)256 * 1024 * 1024) /* bytes of past changes */
#define LIMIT_ADDRESS_PAIRS	10 /* a port, as Neutron's max_allowed_address_pair */
#define LIMIT_TOOL_OUTPUT	((size_t)1024 * 1024 * 1024) /* bytes read from one tool */
#define LIMIT_RULESET_RULES	4000000
#define LIMIT_NFT_ELEMENTS	8000000	 /* of all sets of a listing */
#define LIMIT_NFT_WORDS		50000000 /* of one statement of nft */
#define LIMIT_CONNTRACK		1000000	 /* entries of one namespace */
#define LIMIT_WALK_STEPS	20000 /* of one packet through one host, floods and cases included */
#define LIMIT_WALK_STEPS_SET	20000	/* of a set of packets */
#define LIMIT_WALK_NODES	4000000 /* of its sets, before what is left of it is given up */
#define LIMIT_PACKETS_LINE	((size_t)64 * 1024)   /* bytes of a line of explain --packets */
#define LIMIT_SERVE_CONFIG	((size_t)1024 * 1024) /* bytes of serve.conf */
#define LIMIT_EXPR_LIST		4096	 /* values and ranges of one list of a packet expression */
#define LIMIT_WALK_UNREAD	256	 /* walks with other values of what was not read */
#define LIMIT_SET_NODES		16000000 /* of one world of packet sets: 400 MB */
#define LIMIT_SET_EXTRAS	10000	 /* booleans of it, beside the fields */
#define LIMIT_CLASSES		1000	 /* of addresses, in a service matrix */
#define LIMIT_NETNS		4096
#define LIMIT_LINKS		65536 /* of one namespace; also its addresses */
#define LIMIT_ROUTES		2000000
#define LIMIT_SOCKETS		1000000 /* of one namespace */
#define LIMIT_QUEUES		65536	/* of NFQUEUE: their numbers have 16 bits */
#define LIMIT_SYSCTL_LINES	10000	/* that portwall keeps, of files of sysctl.d */
#define LIMIT_SYSCTL_FILE	((size_t)1024 * 1024)	    /* bytes of one */
#define LIMIT_NEIGHBOURS	1000000			    /* also of FDBs */
#define LIMIT_SNAPSHOT_SIZE	((size_t)512 * 1024 * 1024) /* bytes of the JSON, or of its packing */
#define LIMIT_SNAPSHOT_ITEMS	20000000		    /* values in all lists */
#define LIMIT_SNAPSHOT_DEPTH	16
#define LIMIT_OVSDB_REPLY	((size_t)256 * 1024 * 1024) /* bytes */
#define LIMIT_RULESET_MOVES	20000000		    /* rules that insertions push on */
#define LIMIT_RULESET_PAIRS	65536		    /* rules that "-s a,b -d c,d" stands for */
#define LIMIT_RULESET_LINE	((size_t)64 * 1024) /* bytes */
#define LIMIT_RULESET_LOOKUPS	1000		    /* names that the host is asked for */
#define LIMIT_RULESET_FILE_SIZE ((size_t)1024 * 1024 * 1024) /* bytes */
#define LIMIT_DROP_TOTALS	1000000 /* different ones that are counted apart */
#define LIMIT_DROP_SIGHTINGS	1000000 /* a second */

/* The door, src/api: what one client, or all of them together, may cost. */
#define LIMIT_API_BODY	 ((size_t)1024 * 1024) /* bytes; of a whole policy: LIMIT_POLICY_FILE_SIZE */
#define LIMIT_API_HEADER ((size_t)16 * 1024)   /* bytes of a request's line and headers */
#define LIMIT_API_DEPTH	 16		       /* nesting of JSON */
#define LIMIT_API_QUERY	 100		       /* arguments behind the "?" */
#define LIMIT_API_TAGS	 100		       /* that one argument asks for */
#define LIMIT_API_KEPT                                                                             \
	((size_t)16 * 1024)	   /* bytes of a list or an object that is only kept for clients */
#define LIMIT_API_ADDRESSES   5000 /* of an address group of another project than the host's own */
#define LIMIT_API_FIXED_IPS   50   /* of a port */
#define LIMIT_API_CONNECTIONS 1024
#define LIMIT_API_MEMORY      ((size_t)512 * 1024 * 1024) /* bytes of all bodies and answers under way */
#define LIMIT_API_REQUEST_S   30   /* seconds until a request has come whole */
#define LIMIT_API_IDLE_S      120  /* seconds between two requests of a connection */
#define LIMIT_API_ANSWER_S    120  /* seconds until an answer has been taken */
#define LIMIT_API_WAIT_S      60   /* seconds that a request waits for the engine */
#define LIMIT_API_STATE_S     2	   /* and one for ports, for their states */
#define LIMIT_API_PROOF_S     900  /* and one that asks for proofs or findings */
#define LIMIT_API_WAITING     1024 /* requests that wait for the engine */
#define LIMIT_API_STREAMS     256  /* readers of events */
#define LIMIT_API_EVENTS      4096 /* events that a reader may be behind */
#define LIMIT_API_EVENT_BYTES ((size_t)4 * 1024 * 1024) /* of all of these */
#define LIMIT_API_TCP	      768 /* connections over TCP: the rest is left for the unix socket */
#define LIMIT_API_PEER	      128 /* connections of one address over TCP; of IPv6 of one /64 */
#define LIMIT_TLS_FILE	      ((size_t)1024 * 1024) /* bytes of a certificate's or key's */
#define LIMIT_API_LISTEN      16		    /* addresses that are listened at */

/* What is watched on the wire. */
#define LIMIT_WATCH_OPEN      4096 /* packets under way: of more the oldest is told of as it is */
#define LIMIT_WATCH_SIGHTINGS 512  /* of one packet */
#define LIMIT_WATCH_POINTS    64   /* devices */
#define LIMIT_WATCH_PORTS     16   /* of a bridge with more only those that lead further */

/* Drops by their cause. */
#define LIMIT_LOSS_KINDS     65536 /* different ones: the kernel counts fewer apart */
#define LIMIT_LOSS_QUESTIONS 4096  /* that explain is asked of one reading of the host */

/* Who may ask over TCP. A password costs a tenth of a second of a processor, or two, and 64 MiB, one at a time. */
#define LIMIT_USERS	    1000
#define LIMIT_USER_TOKENS   16			      /* kept in the file */
#define LIMIT_USERS_FILE    ((size_t)8 * 1024 * 1024) /* bytes */
#define LIMIT_PASSWORD_LEN  1023
#define LIMIT_LOGINS	    32	 /* passwords that wait to be looked at */
#define LIMIT_PEER_LOGINS   8	 /* of these of one address */
#define LIMIT_LOGIN_S	    20	 /* seconds that one waits */
#define LIMIT_FAILURES	    10	 /* wrong passwords for one name from one address in a minute */
#define LIMIT_PEER_FAILURES 30	 /* for whatever name */
#define LIMIT_REMEMBERED    256	 /* passwords that were right */
#define LIMIT_REMEMBERED_S  300	 /* seconds that they are remembered */
#define LIMIT_SESSIONS	    1024 /* short-lived tokens */
#define LIMIT_USER_SESSIONS 32	 /* of one user: then the oldest one ends */
#define LIMIT_SESSION_S	    3600 /* seconds that they live */

/* portwall watch */
#define LIMIT_FILTER_LEN 4096 /* characters of an expression */
#define LIMIT_PCAPNG_TEXT                                                                          \
	65535 /* bytes of a name or a comment: the format has 16 bits for its length */
#define LIMIT_PCAPNG_PACKET	262144 /* bytes, as libpcap's readers */
#define LIMIT_PCAPNG_COMMENTS	256    /* on one packet */
#define LIMIT_PCAPNG_INTERFACES 65536

#endif
