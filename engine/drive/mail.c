/*
 * See mail.h. One lock for the queue and all answers: requests are rare beside transitions.
 */
#include "drive/mail.h"

#include "base/must.h"

int mail_send(struct engine *engine, struct mail *mail)
{
    mail->next = NULL;
    mail->done = false;
    must(pthread_cond_init(&mail->answered, NULL) == 0);
    pthread_mutex_lock(&engine->mail_lock);
    if (engine->mail_last) {
        engine->mail_last->next = mail;
    } else {
        engine->mail_first = mail;
    }
    engine->mail_last = mail;
    uv_async_send(&engine->mail_arrived);
    while (!mail->done) {
        pthread_cond_wait(&mail->answered, &engine->mail_lock);
    }
    pthread_mutex_unlock(&engine->mail_lock);
    pthread_cond_destroy(&mail->answered);
    return mail->err;
}

void mail_reply(struct engine *engine, struct mail *mail, int err)
{
    pthread_mutex_lock(&engine->mail_lock);
    mail->err = err;
    mail->done = true;
    pthread_cond_signal(&mail->answered);
    pthread_mutex_unlock(&engine->mail_lock);
}

struct mail *mail_take(struct engine *engine)
{
    struct mail *mail;

    pthread_mutex_lock(&engine->mail_lock);
    mail = engine->mail_first;
    if (mail) {
        engine->mail_first = mail->next;
        if (!engine->mail_first) {
            engine->mail_last = NULL;
        }
    }
    pthread_mutex_unlock(&engine->mail_lock);
    return mail;
}
