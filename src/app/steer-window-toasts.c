/* What the window tells in passing, and what is too long for that. */
#include "steer-window-private.h"

#include <glib/gi18n.h>

#include "steer-accessible.h"
#include "steer-dialogs.h"

/* Of the width of an overlay: the toast's distance from its edges, its own padding, and its close button. */
#define AROUND_TEXT 100

/* What is too long for its toast needs time to be asked for. */
#define DETAILS_SECONDS 12

/* The content is the overlay's first child; what follows are toasts. */
static void
name_toasts (AdwToastOverlay *overlay)
{
  GtkWidget *toast = gtk_widget_get_first_child (GTK_WIDGET (overlay));

  /* A window that goes dismisses the toast that it shows. */
  while (toast != NULL && (toast = gtk_widget_get_next_sibling (toast)) != NULL)
    steer_accessible_name_inner (toast);
}

static gboolean
covers (AdwFlap *flap)
{
  return adw_flap_get_folded (flap) && adw_flap_get_reveal_flap (flap);
}

/* Toasts stand above what is being typed; but not below a side that lies over the transcript. */
static AdwToastOverlay *
choose_overlay (SteerWindow *self)
{
  return covers (self->chats_flap) || covers (self->steering_flap) ? self->side_toasts : self->toasts;
}

/* A toast is one line, of which the end would not be seen. @text: plain */
static gboolean
is_too_long (AdwToastOverlay *overlay, const char *text)
{
  g_autoptr (PangoLayout) layout = gtk_widget_create_pango_layout (GTK_WIDGET (overlay), text);
  g_autoptr (PangoAttrList) attributes = pango_attr_list_new ();
  int width = gtk_widget_get_width (GTK_WIDGET (overlay)), needed;

  pango_attr_list_insert (attributes, pango_attr_weight_new (PANGO_WEIGHT_BOLD));
  pango_layout_set_attributes (layout, attributes);
  pango_layout_get_pixel_size (layout, &needed, NULL);
  return width > 0 && needed > width - AROUND_TEXT;
}

static void
on_details (AdwToast *toast, AdwToastOverlay *overlay)
{
  g_autofree char *text = NULL;

  pango_parse_markup (adw_toast_get_title (toast), -1, 0, NULL, &text, NULL, NULL);
  steer_dialog_tell (GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (overlay))), text);
}

/* Not at once in a dialog: much of what is told comes while the person writes. */
static void
offer_details (AdwToast *toast, AdwToastOverlay *overlay)
{
  adw_toast_set_button_label (toast, _ ("_Details"));
  adw_toast_set_timeout (toast, DETAILS_SECONDS);
  g_signal_connect_object (toast, "button-clicked", G_CALLBACK (on_details), overlay, 0);
}

void
steer_window_add_toast (SteerWindow *self, AdwToast *toast)
{
  AdwToastOverlay *overlay;
  g_autofree char *text = NULL;

  g_return_if_fail (STEER_IS_WINDOW (self));

  overlay = choose_overlay (self);
  pango_parse_markup (adw_toast_get_title (toast), -1, 0, NULL, &text, NULL, NULL);
  if (adw_toast_get_button_label (toast) == NULL && text != NULL && is_too_long (overlay, text))
    offer_details (toast, overlay);
  adw_toast_overlay_add_toast (overlay, g_object_ref (toast));
  /* The next one of the queue gets its widget when this one goes. */
  g_signal_connect_object (toast, "dismissed", G_CALLBACK (name_toasts), overlay, G_CONNECT_SWAPPED | G_CONNECT_AFTER);
  name_toasts (overlay);
}

void
steer_window_show_message (SteerWindow *self, const char *text)
{
  g_autofree char *escaped = g_markup_escape_text (text, -1);
  g_autoptr (AdwToast) toast = adw_toast_new (escaped);

  steer_window_add_toast (self, toast);
}
